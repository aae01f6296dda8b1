import { describe, expect, test } from 'vitest'
import { credentialsInArguments, credentialsInText } from '../../src/objects/credential-places.ts'
import { credentialIn } from '../../src/objects/credentials.ts'

describe('a value', () => {
  test.each([
    ['CONNECTION_STRING', 'Server=db;User Id=sa;Password=S3cr3tPa55!'],
    ['JDBC_URL', 'jdbc:mysql://db/x?user=u&password=S3cr3tPa55'],
    ['ANYTHING', `sk-proj-${'abcdEFGH0123'.repeat(3)}`],
    ['APP_KEY', 'base64:2fl+Ktvkfl+Fuz4Qp/A75G2RTiWVA/ZoKZvp6fiiM10='],
    ['BASIC_AUTH', 'admin:S3cr3tPa55'],
    ['AUTHORIZATION', 'Basic YWRtaW46UzNjcjN0UGE1NQ=='],
    ['HEADER', 'Bearer abcdefGHIJKL0123456789zz'],
    ['NEW_RELIC_LICENSE_KEY', '0123456789abcdef0123456789abcdef01234567'],
    ['SAS', `https://x.blob.core.windows.net/c?sv=2020&sig=${'abcdEFGH0123'.repeat(4)}%3D`],
  ])('that is a credential: %s', (name, value) =>
    expect(credentialIn(name, value)).toMatchObject({ by: expect.stringMatching(/format|name$/) }),
  )

  test.each([
    'vault:secret/data/App1#token',
    'secret/data/App1',
    '>>vault:secret/data/x#Pw1',
    'ref+vault://secret/X1',
    'arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf',
    'aws-sm:prod/db/Password1',
    'projects/p/secrets/My-Token1/versions/1',
    'ENC[AES256_GCM,data:abcdEFGH12,type:str]',
    'ENC(abcdefGHIJ12)',
    '{cipher}abcdefGHIJ12',
    '@keycloak.token.1A@',
    '%{secret.1A}',
    '2026-01-01T00:00:00Z',
  ])('that only points to one, or is encrypted: %s', (value) => expect(credentialIn('DB_PASSWORD', value)).toBeUndefined())
})

test.each([
  ['postgres://cart:s3cretpw@db:5432/cart', 'password in a URL in base64'],
  ['{"auths":{"r.example":{"auth":"dXNlcjpwYXNz"}}}', 'registry login in base64'],
])('base64 hides nothing: %s', (text, format) => {
  expect(credentialIn('X', btoa(text))).toMatchObject({ by: 'format', format })
  expect(credentialIn('X', `${btoa(text).slice(0, 30)}\n  ${btoa(text).slice(30)}`)).toMatchObject({ format })
  expect(credentialIn('X', btoa(text.toUpperCase().replaceAll(/[:"]/g, '.')))).toBeUndefined()
})

test.each([
  ['EXISTING_SECRET', 'my-app-credentials'],
  ['--tls-secret', 'shop/web-tls'],
  ['IMAGE_PULL_SECRET', 'registry-login'],
  ['PASSWORD_ENCRYPTION', 'scram-sha-256'],
  ['TOKEN_TIMEOUT', 'one-hour'],
  ['ADMIN_PASSWORD', 'never'],
  ['ADMIN_PASSWORD', '/run/pw'],
])('%s=%s names no credential', (name, value) => expect(credentialIn(name, value)).toBeUndefined())

describe('arguments', () => {
  test.each([
    [['sh', '-c', 'app --password=Hunter2Abc --x'], '--password'],
    [['sh', '-c', 'set -e; export DB_PASSWORD="Hunter2Abc"\nexec app'], 'DB_PASSWORD'],
    [['redis-server', '--requirepass', 'Hunter2Abc'], '--requirepass'],
    [['helm', '--set', 'password=Hunter2Abc'], 'password'],
    [['curl', '-H', 'Authorization: Bearer abcdefGHIJKL0123456789zz'], 'argument 3'],
    [['curl', '-H', 'X-Api-Key: abcdefGHIJKL0123456789zz'], 'argument 3'],
    [['curl', '-u', 'admin:hunter2', 'http://x'], '-u'],
    [['mysqladmin', 'ping', '-h', 'localhost', '-proot'], '-p'],
    [['sh', '-c', '/usr/bin/mysql -u root -proot -e "SELECT 1"'], '-p'],
    [['redis-cli', '-a', 'hunter2', 'ping'], '-a'],
    [['sshpass', '-p', 'hunter2', 'ssh', 'host'], '-p'],
    [['ldapsearch', '-x', '-w', 'hunter2'], '-w'],
  ])('%j', (args, name) => expect([...credentialsInArguments(args)].map((one) => one.name)).toEqual([name]))

  test.each([
    [['sh', '-c', 'app --password=$PW']],
    [['sh', '-c', 'app --password="$(cat /run/pw)"']],
    [['sh', '-c', 'echo no password here; sleep 1']],
    [['--password', '/run/pw']],
    [['curl', '-u', 'admin', 'http://x']],
    [['curl', '-p', 'hunter2', '-a', 'hunter2']],
    [['mysqladmin', 'ping', '-p', '-P3306']],
    [['mysql', '-p$(PW)']],
    [['sh', '-c', 'redis-cli -a "$PW" ping']],
    [['app', '-proot', '-a', 'hunter2']],
  ])('%j has none', (args) => expect([...credentialsInArguments(args)]).toEqual([]))
})

describe('the text of a file', () => {
  test.each([
    ['db.password = Hunter2Abc # of production', 'db.password'],
    ['<Server><password>Hunter2Abc</password></Server>', 'password'],
    ['<user name="x" password="Hunter2Abc"/>', 'password'],
    ['{"password":"Hunter2Abc","user":"x"}', 'password'],
    ['env:\n  - name: DB_PASSWORD\n    value: Hunter2Abc\n', 'DB_PASSWORD'],
    ['save 900 1\nrequirepass Hunter2Abc\n', 'requirepass'],
    ['//registry.example.com/:_authToken=abcDEF123456abcDEF', 'authToken'],
    ['<entry key="db.password">Hunter2Abc</entry>', 'db.password'],
    ['<property name="password" value="Hunter2Abc"/>', 'password'],
    ['connector:\n  bindPW: Hunter2Abc\n', 'bindPW'],
    ['db:\n  password: root\n', 'password'],
    ['machine example.com login y password Hunter2Abc', 'netrc login'],
  ])('%j', (text, name) => expect([...credentialsInText(text)].map((one) => one.name)).toEqual([name]))

  test.each(['adminPassword: "{{ pw }}"', 'password: !vault |\n  x', 'password: ENC(abcdefGHIJ12)', '{"password":"$(PASSWORD)"}'])(
    '%j has none',
    (text) => expect([...credentialsInText(text)]).toEqual([]),
  )

  test('a long one costs little', () => {
    const text = `${'a "password '.repeat(40_000)}\n${'<password>'.repeat(20_000)}\n${'?password='.repeat(20_000)}`
    const started = performance.now()
    ;[...credentialsInText(text)].length
    expect(performance.now() - started).toBeLessThan(2000)
  })
})
