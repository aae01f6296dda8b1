import '../model/nothing.ts'
