import '../images/other.ts'
