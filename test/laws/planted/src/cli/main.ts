import '../../views/writes.tsx'
