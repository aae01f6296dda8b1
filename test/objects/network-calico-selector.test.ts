import { describe, expect, it } from 'vitest'
import { parseCalicoSelector } from '../../src/objects/network-calico-selector.ts'

const web = { app: 'web', tier: 'front', 'example.com/zone': 'a' }

describe("Calico's selectors", () => {
  it.each([
    ['', true],
    ['all()', true],
    ['global()', true],
    ["app == 'web'", true],
    ['app == "web"', true],
    ["app=='web'", true],
    ["app == 'db'", false],
    ["app != 'db'", true],
    ["missing != 'x'", true],
    ['has(app)', true],
    ['!has(missing)', true],
    ["app in {'web', 'db'}", true],
    ["app not in {'web'}", false],
    ["missing not in {'web'}", true],
    ["missing in {'web'}", false],
    ["app contains 'e'", true],
    ["app starts with 'we'", true],
    ["app ends with 'we'", false],
    ["example.com/zone == 'a'", true],
    ["app == 'db' || tier == 'front' && has(app)", true],
    ["(app == 'db' || tier == 'front') && !has(app)", false],
    ["! (app == 'db')", true],
  ])('%s', (text, expected) => {
    expect(parseCalicoSelector(text)?.(web)).toBe(expected)
  })

  it.each(["app = 'web'", 'app == web', '(all()', "app == 'web' extra", "in {'a'}", 'has()', "app in {'a'", '&&', "app == 'unclosed"])(
    'does not guess at %s',
    (text) => {
      expect(parseCalicoSelector(text)).toBeUndefined()
    },
  )
})
