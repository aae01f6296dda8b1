import { expect, test } from 'vitest'
import { parseFile } from '../../src/sources/manifests-parse.ts'

const HEAD = 'apiVersion: apiserver.config.k8s.io/v1\n'

test('a key that stands twice is told of files that the API server decodes strictly, and of no other', () => {
  const problems = (text: string) => parseFile('a.yaml', HEAD + text).problems.map(({ message }) => message)
  const twice = 'resources: []\nresources: []\n'
  expect(problems(`kind: EncryptionConfiguration\n${twice}`)).toEqual([expect.stringContaining('with the key resources twice')])
  expect(problems('kind: EncryptionConfiguration\nresources: []\n')).toEqual([])
  expect(problems(`kind: AdmissionConfiguration\nplugins: []\nplugins: []\n`)).toEqual([])
})
