import '../plan/circle-a.ts'
