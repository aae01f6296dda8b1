import 'ink'
