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
  import('../dist/main.js').catch((error) => {
    if (error && error.code === 'ERR_MODULE_NOT_FOUND' && String(error.message).includes('main.js')) {
      process.stderr.write('k8s-harden is not built yet: run "npm run build" (or "npm start") in its folder first.\n')
      process.exitCode = 2
    } else throw error
  })
}
