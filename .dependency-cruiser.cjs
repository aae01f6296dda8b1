// Who may know whom. One line a room; every rule below is derived from this table.
const knows = {
  'src/model': [],
  'src/objects': ['src/model'],
  remediations: ['src/model', 'src/objects'],
  'src/controls': ['src/model', 'src/objects', 'remediations'],
  'src/snapshot': ['src/model', 'src/objects'],
  'src/engine': ['src/model', 'src/objects'],
  'src/plan': ['src/model', 'src/objects', 'src/snapshot', 'src/engine'],
  'src/report': ['src/model', 'src/objects', 'src/engine'],
  'src/apiserver': ['src/model'],
  'src/hosts': ['src/model', 'src/apiserver'],
  'src/providers': ['src/model', 'src/apiserver'],
  'src/sample-cluster': [],
  'src/sources': ['src/model', 'src/objects', 'src/apiserver', 'src/hosts', 'src/providers', 'src/sample-cluster'],
  'src/writers': ['src/model', 'src/objects', 'src/apiserver', 'src/hosts', 'src/providers', 'src/plan', 'src/sources'],
  'src/session': ['src/model', 'src/objects', 'src/snapshot', 'src/engine', 'src/plan'],
  views: ['src/model', 'src/session', 'src/engine'],
  'src/cli': ['src', 'views', 'remediations'],
  bin: ['src', 'views/keys.ts'],
}
// A package enters by one door.
const doors = {
  '@kubernetes/client-node': ['src/apiserver'],
  '(ink|react)': ['views', 'src/cli'],
  inquirer: ['src/cli'],
  execa: ['src/cli', 'src/hosts', 'src/providers'],
}
const pure = '^(src/(model|objects|controls|snapshot|engine|plan|report|session)|remediations|views)/'
const under = (rooms) => `^(${rooms.map((room) => (room.includes('.') ? room : `${room}/`)).join('|')})`

module.exports = {
  forbidden: [
    { name: 'no cycles', severity: 'error', from: {}, to: { circular: true } },
    ...Object.entries(knows).map(([room, friends]) => ({
      name: `${room} knows only ${friends.join(', ') || 'itself'}`,
      severity: 'error',
      from: { path: `^${room}/` },
      to: { path: '^(src|views|remediations|bin|test)/', pathNot: under([room, ...friends]) },
    })),
    ...Object.entries(doors).map(([name, rooms]) => ({
      name: `${name} enters by ${rooms.join(', ')} only`,
      severity: 'error',
      from: { path: '^(src|views|remediations)/', pathNot: under(rooms) },
      to: { path: `node_modules/${name}/` },
    })),
    { name: 'pure rooms touch no machine', severity: 'error', from: { path: pure }, to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' } },
    { name: 'a control knows no other control', severity: 'error', from: { path: '^src/controls/[^/]+/' }, to: { path: '^src/controls/' } },
    { name: 'nothing but cli knows the controls', severity: 'error', from: { path: '^(src|views|remediations)/', pathNot: '^src/(cli|controls)/' }, to: { path: '^src/controls/' } },
    {
      name: 'no dead wood', severity: 'error', from: { path: '^src/cli/main\\.ts$' },
      to: { path: '^(src|views|remediations)/', pathNot: '^src/model/', reachable: false },
    },
  ],
  // TypeScript 7 has no compiler API for the checker to use; swc reads the imports instead (type-only ones too).
  options: { doNotFollow: { path: 'node_modules' }, parser: 'swc', tsPreCompilationDeps: true, tsConfig: { fileName: 'tsconfig.json' }, enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'], extensions: ['.ts', '.tsx', '.js', '.mjs', '.json'] } },
}
