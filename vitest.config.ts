import { defineConfig } from 'vitest/config'

export default defineConfig({
  define: { __VERSION__: '"0.0.0-test"' },
  test: {
    globalSetup: ['./test/helpers/build.ts'],
    include: ['test/**/*.test.{ts,tsx}'],
    // Against hanging only: on a busy machine anything may take several times as long.
    testTimeout: 240_000,
    hookTimeout: 900_000,
    // Two cores, and each e2e file runs a control plane of its own; but those of encryption mostly wait for API servers to look at a file.
    maxWorkers: 3,
    env: { FORCE_COLOR: '0', NODE_ENV: 'test' },
    reporters: process.env.CI ? ['default', './test/helpers/closing-line.ts'] : ['default'],
  },
})
