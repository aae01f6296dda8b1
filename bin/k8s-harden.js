#!/usr/bin/env node
// Plain old JavaScript on purpose: this file must still parse where the program itself cannot run.

var parts = process.versions.node.split('.').map(Number)
if (parts[0] < 22 || (parts[0] === 22 && parts[1] < 12)) {
  process.stderr.write(
    'k8s-harden needs Node 22.12 or newer; this is Node ' + process.versions.node + '. Install a newer Node and run it again.\n',
  )
  process.exitCode = 2
} else {
  // Chalk reads FORCE_COLOR, not NO_COLOR, and reads it when it is first imported.
  if (process.env.NO_COLOR) process.env.FORCE_COLOR = '0'
  keepCompiled()
  import('../dist/main.js').catch((error) => {
    if (error && error.code === 'ERR_MODULE_NOT_FOUND' && String(error.message).includes('main.js')) {
      process.stderr.write('k8s-harden is not built yet: run "npm run build" (or "npm start") in its folder first.\n')
      process.exitCode = 2
    } else throw error
  })
}

// What V8 makes of the program is kept from run to run, in the user's own cache: it starts faster by a tenth or more. Where that
// directory cannot be written nothing is kept, and nothing is said.
function keepCompiled() {
  var own = process.env.XDG_CACHE_HOME || (process.env.HOME && process.env.HOME + '/.cache')
  if (!own || process.env.NODE_COMPILE_CACHE || !process.getBuiltinModule) return
  var files = process.getBuiltinModule('node:fs')
  // One after another: where one cannot be made, node's own attempt to make them all never ends (Node 24, under /proc).
  var folders = [own, own + '/k8s-harden', own + '/k8s-harden/compiled']
  if (folders.every((folder) => isFolder(folder, files))) process.getBuiltinModule('node:module').enableCompileCache(folders[2])
}

function isFolder(folder, files) {
  try {
    files.mkdirSync(folder, 448)
    return true
  } catch (error) {
    return error.code === 'EEXIST'
  }
}
