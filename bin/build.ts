/** Bundles the program into dist/: one entry, split so that the wizard loads no scan report and `scan` loads no Ink. */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import manifest from '../package.json' with { type: 'json' }

const root = join(import.meta.dirname, '..')
const out = join(root, 'dist')
await rm(out, { recursive: true, force: true })
const result = await build({
  absWorkingDir: root,
  entryPoints: { main: 'src/cli/main.ts' },
  outdir: out,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  jsx: 'automatic',
  minifySyntax: true,
  minifyWhitespace: true,
  keepNames: true,
  legalComments: 'linked',
  chunkNames: 'chunks/[name]-[hash]',
  metafile: true,
  define: { 'process.env.NODE_ENV': '"production"', __VERSION__: JSON.stringify(manifest.version) },
  // Ink imports its devtools bridge statically, and client-node its own HTTP client; neither is ever used here.
  alias: { 'react-devtools-core': './bin/no-devtools.mjs', undici: './bin/no-undici.mjs' },
  plugins: [{ name: 'client-node without its models', setup: ({ onResolve, resolve }) => onResolve({ filter: /^@kubernetes\/client-node/ }, async ({ path, pluginData, ...rest }) => (pluginData === 'resolved' ? undefined : { ...(await resolve(path, { ...rest, pluginData: 'resolved' })), sideEffects: false })) }],
  // CommonJS dependencies call require() for node's own modules.
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  logLevel: 'warning',
})
await writeFile(join(out, 'meta.json'), JSON.stringify(result.metafile))
