import { defineConfig } from 'vitest/config'
import LongestFirst from './test/helpers/longest-first.ts'

export default defineConfig({
  define: { __VERSION__: '"0.0.0-test"' },
  test: {
    globalSetup: ['./test/helpers/build.ts'],
    include: ['test/**/*.test.{ts,tsx}'],
    // Against hanging only: on a busy machine anything may take several times as long.
    testTimeout: 240_000,
    hookTimeout: 900_000,
    // Two cores, and each e2e file runs a control plane of its own; but those that take longest mostly wait for API servers and kubelets.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    env: {
      FORCE_COLOR: '0',
      NODE_ENV: 'test',
      // How often the test's API servers look at their EncryptionConfiguration: by default once a minute, which tests would mostly wait for.
      ENCRYPTION_CONFIG_POLL: process.env.ENCRYPTION_CONFIG_POLL ?? '4s',
    },
    reporters: process.env.CI ? ['default', './test/helpers/closing-line.ts'] : ['default'],
  },
})
