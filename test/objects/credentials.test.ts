import { describe, expect, test } from 'vitest'
import { credentialsInArguments, credentialsInText } from '../../src/objects/credential-places.ts'
import { credentialIn, entropy, formatIn, secretName } from '../../src/objects/credentials.ts'

// Put together here, so that no scanner of this repository takes them for real.
const letters = (count: number) => 'A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0U1v2W3x4Y5z6'.repeat(2).slice(0, count)

describe('formats', () => {
  test.each([
    ['AWS access key', `AKIA${'QWERTYUIOPASDFGH'}`],
    ['GitHub token', `ghp_${letters(36)}`],
    ['GitHub token', `github_pat_${letters(60)}`],
    ['GitLab token', `glpat-${letters(20)}`],
    ['Slack token', `xoxb-${letters(24)}`],
    ['Google API key', `AIza${letters(35)}`],
    ['Stripe key', `sk_live_${letters(24)}`],
    ['npm token', `npm_${letters(36)}`],
    ['Vault token', `hvs.${letters(30)}`],
    ['PEM private key', '-----BEGIN RSA PRIVATE KEY-----\nxx'],
    ['PEM private key', '-----BEGIN PRIVATE KEY-----'],
    ['PEM private key', '-----BEGIN OPENSSH PRIVATE KEY-----'],
    ['PEM private key', '-----BEGIN PGP PRIVATE KEY BLOCK-----'],
    ['JSON Web Token', `eyJ${letters(20)}.eyJ${letters(20)}.${letters(20)}`],
    ['GCP service account key', '{"type": "service_account", "private_key": "x"}'],
    ['password in a URL', 'postgres://cart:s3cretpw@db:5432/cart'],
    ['password in a URL', 'redis://:hunter2@redis:6379'],
    ['password in a URL', 'https://user:pw@[::1]/x'],
    ['password in a connection string', 'Server=db;User=sa;Password=hunter22;Encrypt=true'],
    ['registry login', '{"auths":{"r.example":{"auth":"dXNlcjpwYXNz"}}}'],
    ['registry login', '{"auths":{"r.example":{"username":"u","password":"pw"}}}'],
    ['PEM private key in base64', btoa('-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA')],
    ['PuTTY private key', 'PuTTY-User-Key-File-3: ssh-ed25519'],
    ['password in a DSN', 'app:s3cretpw@tcp(db:3306)/cart?parseTime=true'],
    ['password in a DSN', "host=db user=cart password='s3cret pw' dbname=cart"],
    ['password in a connection string', 'PlainLoginModule required username="u" password="hunter22";'],
    ['Azure access key', `SharedAccessKeyName=Root;SharedAccessKey=${letters(43)}=`],
    ['DigitalOcean token', `dop_v1_${'0a1b2c3d'.repeat(8)}`],
    ['PyPI token', `pypi-AgE${letters(60)}`],
    ['Hugging Face token', `hf_${'abcdefgHIJKLMNOPQ'.repeat(2)}`],
    ['Databricks token', `dapi${'0a1b2c3d'.repeat(4)}`],
    ['Shopify token', `shpat_${'0a1b2c3d'.repeat(4)}`],
    ['Telegram bot token', `123456789:AA${letters(33)}`],
    ['Discord webhook', `https://discord.com/api/webhooks/123456789012345678/${letters(68)}`],
    ['Azure access key', `AccountName=x;AccountKey=${letters(86)}==`],
  ])('%s', (format, text) => expect(formatIn(`some ${text} text`)).toEqual({ by: 'format', format, length: expect.any(Number) }))

  test.each([
    'AKIAIOSFODNN7EXAMPLE',
    '-----BEGIN CERTIFICATE-----',
    btoa('-----BEGIN CERTIFICATE-----\nMIIEpAIBAAKCAQEA'),
    'root:$PW@tcp(db:3306)/x and {{ user }}:{{ pw }}@tcp(db)/x',
    'password=s3cretpw without a host',
    'host=db user=x password=${PW}',
    '{"auths":{"r.example":{"username":"u","password":"${PW}"}}}',
    '-----BEGIN PUBLIC KEY-----',
    'https://example.com/a:b@c',
    'postgres://cart:$(DB_PASSWORD)@db/cart',
    'postgres://cart:${PW}@db',
    'postgres://cart:{{pw}}@db',
    'postgres://cart:****@db/cart',
    'postgres://db:5432/cart',
    'mailto:someone@example.com',
    'http://host:8080/path@2x.png',
    'Password=${PW};',
    '{"type": "service_account"}',
    'ghp_short',
    'image: example.com/app@sha256:00',
  ])('none in %s', (text) => expect(formatIn(text)).toBeUndefined())

  test('a template before the real thing does not hide it', () => {
    expect(formatIn('a=postgres://x:$(PW)@db b=postgres://x:hunter22@db')?.format).toBe('password in a URL')
  })

  test('the value is in no answer', () => {
    const token = `ghp_${letters(36)}`
    expect(JSON.stringify(formatIn(token))).not.toContain(letters(8))
  })

  test('long hostile text takes no time to speak of', () => {
    const text = `postgres://${'a:'.repeat(50_000)} eyJ${'a'.repeat(100_000)} ${'password='.repeat(20_000)}`
    expect([...credentialsInText(text)]).toEqual(expect.any(Array))
  })
})

describe('names', () => {
  test.each([
    'DB_PASSWORD',
    'dbPassword',
    'spring.datasource.password',
    'API_KEY',
    'apikey',
    'GITHUB_TOKEN',
    'client-secret',
    'AWS_SECRET_ACCESS_KEY',
    'DSN',
    'connectionString',
    'PGPASSWORD',
    'clientsecret',
    'NPM_AUTHTOKEN',
  ])('%s names a credential', (name) => expect(secretName(name)).toBeDefined())
  test.each([
    'DB_PASSWORD_FILE',
    'TOKEN_PATH',
    'SECRET_NAME',
    'AWS_ACCESS_KEY_ID',
    'TOKEN_URL',
    'TOKEN_TTL',
    'PASSWORD_POLICY',
    'COMPASS',
    'TOKENIZER',
    'MONKEY',
    'SECRETARY',
    'keyboard',
  ])('%s does not', (name) => expect(secretName(name)).toBeUndefined())

  test.each([
    ['x9$Lk2!vQ7pR', 'name'],
    ['0123456789abcdef0123456789abcdef', 'name'],
    ['changeme', 'named'],
    ['correcthorsebattery', 'named'],
    ['my-app-secret-v1', 'named'],
    ['', undefined],
    ['root', 'named'],
    ['pw', undefined],
    ['none', undefined],
    ['/etc/secrets/db', undefined],
    ['./pw.txt', undefined],
    ['$(DB_PASSWORD)', undefined],
    ['${DB_PASSWORD}', undefined],
    ['$DB_PASSWORD', undefined],
    ['{{ .Values.pw }}', undefined],
    ['<password>', undefined],
    ['true', undefined],
    ['12345678', 'named'],
    ['3600000ms', undefined],
    ['https://vault.example.com', undefined],
    ['two words here', 'named'],
    ['secret/data/App', undefined],
    ['********', undefined],
  ])('a password of "%s" is told %s', (value, by) => expect(credentialIn('DB_PASSWORD', value)?.by).toBe(by))

  test('a format counts whatever the name', () => expect(credentialIn('AWS_ACCESS_KEY_ID', `AKIA${'QWERTYUIOPASDFGH'}`)?.by).toBe('format'))
  test('entropy of one letter is none, of four different ones two bits', () => {
    expect(entropy('aaaa')).toBeCloseTo(0)
    expect(entropy('abcd')).toBeCloseTo(2)
  })
})

describe('arguments', () => {
  const names = (...args: string[]) => [...credentialsInArguments(args)].map(({ name, credential }) => [name, credential.by])
  test('as one word or two, named or not', () => {
    expect(names('--password=x9$Lk2!vQ7pR')).toEqual([['--password', 'name']])
    expect(names('--password', 'x9$Lk2!vQ7pR', '--verbose')).toEqual([['--password', 'name']])
    expect(names('--dsn', 'postgres://a:hunter22@db')).toEqual([['--dsn', 'format']])
    expect(names('--url', 'postgres://a:hunter22@db')).toEqual([['argument 2', 'format']])
    expect(names('sh', '-c', `curl -H "x: ghp_${letters(36)}"`)).toEqual([['argument 3', 'format']])
  })
  test('files, references and switches are none', () =>
    expect(names('--token-file=/var/run/token', '--password', '$(PW)', '--secret-name=x', '--token', '--verbose')).toEqual([]))
})

describe('configuration files', () => {
  const names = (text: string) => [...credentialsInText(text)].map(({ name, credential }) => [name, credential.by])
  test.each(['password: Zq8Lm2vX9tRw', 'db.password=Zq8Lm2vX9tRw', '  "apiKey": "Zq8Lm2vX9tRw",', 'export DB_PASSWORD=Zq8Lm2vX9tRw'])(
    '%s',
    (line) => expect(names(`a: b\n${line}\nc: d\n`)).toEqual([[expect.any(String), 'name']]),
  )
  test('comments, references and prose are none', () =>
    expect(names('# password: Zq8Lm2vX9tRw\npassword: ${PW}\npasswordFile: /etc/pw\nthe password is: given to you\n')).toEqual([]))
})

test('base64 that begins with a slash is no path', () => {
  expect(credentialIn('SECRET_ACCESS_KEY', '/bPxRfiCYzQmT7dW0hJvK3sLgN9eUaX1oB6rE8tD')).toMatchObject({ by: 'name' })
  for (const path of ['/var/run/secrets/kubernetes.io/serviceaccount/token', '/etc/Keys2/Server/PrivateKeyForTheApi', '/run/secrets/db'])
    expect(credentialIn('PASSWORD', path)).toBeUndefined()
})
