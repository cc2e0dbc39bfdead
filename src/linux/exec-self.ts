import { ptr } from "bun:ffi"
import { cString, errno, libc, SystemError, types } from "./libc.ts"

const c = libc({ execve: { args: [types.ptr, types.ptr, types.ptr], returns: types.i32 } })

/**
 * execve(2): replaces this program in place. The PID, children, and every descriptor without close-on-exec stay.
 * @returns only by throwing: SystemError, when the kernel refused
 */
export function execSelf(command: readonly string[], environment: Readonly<Record<string, string | undefined>>): never {
  const path = cString(command[0]!)
  const words = command.map(owned)
  const variables = Object.entries(environment).flatMap(([name, value]) =>
    value === undefined ? [] : [owned(`${name}=${value}`)],
  )
  const argv = pointers(words)
  const envp = pointers(variables)
  c.execve(path, argv, envp)
  const number = errno()
  // The kernel reads these by address: they must be alive until here.
  void [words.length, variables.length]
  throw new SystemError("execve", number, command[0])
}

/** A C string over an ArrayBuffer of its own, which never moves. */
function owned(text: string): Buffer {
  const bytes = cString(text)
  const fixed = Buffer.from(new ArrayBuffer(bytes.length))
  bytes.copy(fixed)
  return fixed
}

/** A NULL-terminated array of addresses. */
function pointers(strings: readonly Buffer[]): BigUint64Array {
  const list = new BigUint64Array(new ArrayBuffer(8 * (strings.length + 1)))
  strings.forEach((each, index) => {
    list[index] = BigInt(ptr(each))
  })
  return list
}
