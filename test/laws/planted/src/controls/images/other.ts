import '../../objects/fine.ts'
