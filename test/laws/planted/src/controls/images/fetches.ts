import '../../apiserver/door.ts'
