import { check, libc, types } from "./libc.ts"

const c = libc({
  tcgetattr: { args: [types.i32, types.ptr], returns: types.i32 },
  tcsetattr: { args: [types.i32, types.i32, types.ptr], returns: types.i32 },
  cfmakeraw: { args: [types.ptr], returns: types.void },
})

const TCSANOW = 0
/** More than `struct termios` takes anywhere. Bytes. */
const termiosSize = 128

/**
 * Makes a terminal hand over every byte as it is typed and print every byte as it is written (cfmakeraw(3)): no echo, no
 * signals, no line breaks changed in either direction, which `setRawMode` of Node leaves on for output.
 *
 * @returns puts everything back
 * @throws SystemError; ENOTTY when it is no terminal
 */
export function makeRaw(descriptor: number): () => void {
  const before = new Uint8Array(new ArrayBuffer(termiosSize))
  check(c.tcgetattr(descriptor, before), "tcgetattr")
  const raw = before.slice()
  c.cfmakeraw(raw)
  check(c.tcsetattr(descriptor, TCSANOW, raw), "tcsetattr")
  return () => void c.tcsetattr(descriptor, TCSANOW, before)
}
