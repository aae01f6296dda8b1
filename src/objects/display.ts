/**
 * Text from a cluster or a file, made safe to show (safety law 10): terminal control sequences, C0 and C1 controls, bidirectional
 * overrides and zero-width characters are taken out; line breaks and tabs become visible marks, so that one value stays on one line.
 */
export function printable(text: string): string {
  if (!UNSAFE.test(text)) return text
  return text
    .replace(ESCAPE_SEQUENCES, '')
    .replace(/\r\n|\n|\r/g, '\\n')
    .replace(/\t/g, ' ')
    .replace(INVISIBLE, '')
}

/** CSI, OSC, DCS, APC, PM and SOS sequences, with 7-bit and 8-bit introducers; a lone escape goes with INVISIBLE. */
const ESCAPE_SEQUENCES =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c|$)/g
/** Controls, bidi embeddings and isolates, zero-width characters, variation selectors, the byte-order mark, tags, lone surrogates. */
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ufe00-\ufe0f]|[\u{e0000}-\u{e007f}]|\p{Cs}/u
const INVISIBLE = new RegExp(UNSAFE, 'gu')

/** The same JSON, where what may steer a terminal (C1 controls, changes of direction, invisible characters) is written as an escape too. */
export const asciiControls = (json: string): string =>
  json.replace(STEERS, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
const STEERS = /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g
