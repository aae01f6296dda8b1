/** Bundles the program into dist/: one entry, split so that the wizard loads no scan report and `scan` loads no Ink. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import manifest from '../package.json' with { type: 'json' }

const root = join(import.meta.dirname, '..')
const out = join(root, 'dist')
// Built beside it and put in place at once: whoever runs the program meanwhile finds the old one or the new one, never half of one.
const fresh = `${out}.${process.pid}`
const result = await build({
  absWorkingDir: root,
  entryPoints: { main: 'src/cli/main.ts' },
  outdir: fresh,
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
  plugins: [
    {
      name: 'client-node without its models',
      setup: ({ onResolve, resolve }) =>
        onResolve({ filter: /^@kubernetes\/client-node/ }, async ({ path, pluginData, ...rest }) =>
          pluginData === 'resolved' ? undefined : { ...(await resolve(path, { ...rest, pluginData: 'resolved' })), sideEffects: false },
        ),
    },
    {
      // Yoga decodes a data URL with fetch() where there is one, and Node's loads its whole HTTP client for that: a tenth of the start.
      name: 'yoga without fetch',
      setup: ({ onLoad }) =>
        onLoad({ filter: /yoga-wasm-base64-esm\.js$/ }, async ({ path }) => ({
          contents: `const fetch = undefined\n${await readFile(path, 'utf8')}`,
          loader: 'js',
        })),
    },
  ],
  // CommonJS dependencies call require() for node's own modules.
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  logLevel: 'warning',
})
const { outputs, inputs } = result.metafile
const placed = (path: string) => path.replace(/^dist\.\d+\//, 'dist/')
const renamed = Object.fromEntries(
  Object.entries(outputs).map(([path, output]) => [
    placed(path),
    { ...output, imports: output.imports.map((one) => ({ ...one, path: placed(one.path) })) },
  ]),
)
await writeFile(join(fresh, 'meta.json'), JSON.stringify({ inputs, outputs: renamed }))
const old = `${out}.old.${process.pid}`
await rename(out, old).catch(() => {})
await rename(fresh, out)
await rm(old, { recursive: true, force: true })
