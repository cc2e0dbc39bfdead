import { Failure, kindOf } from "../errors/failure.ts"
import { isQuota } from "../errors/no-room.ts"

const calls = ["open", "write", "ftruncate", "close"]

/**
 * A file of the user's that could not be written, in docker's words: which file, and why.
 * @param error what the system said; anything else is returned as it is
 */
export function writeFailure(path: string, error: unknown): unknown {
  const { code = "", syscall = "", message } = error as { code?: string; syscall?: string; message: string }
  if (!calls.includes(syscall) || !message.startsWith(`${code}:`)) return error
  const words = isQuota(error) ? "disk quota exceeded" : message.slice(code.length + 2).replace(/, \w+( '.*')?$/, "")
  return new Failure(kindOf(error), `write ${path}: ${words}`, error)
}
