import '../src/writers/hand.ts'
