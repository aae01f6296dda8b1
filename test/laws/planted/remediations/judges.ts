import '../src/controls/rbac/one.ts'
