import '../objects/fine.ts'
