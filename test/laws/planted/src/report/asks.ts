import 'inquirer'
