// What a node of the tests has for systemctl: hands its arguments to the test process, and prints what that answers.
import { connect } from 'node:net'

const [socket, ...args] = process.argv.slice(2)
const connection = connect(socket)
connection.end(JSON.stringify(args))
let answer = ''
for await (const chunk of connection.setEncoding('utf8')) answer += chunk
const { code, said } = JSON.parse(answer)
process.stdout.write(said)
process.exitCode = code
