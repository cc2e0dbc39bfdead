import { closeSync, openSync, readFileSync, truncateSync, writeSync } from "node:fs"
import { Failure, kindOf } from "../errors/failure.ts"
import { tryLock } from "./flock.ts"

/**
 * Takes a lock file for this process and writes its PID there. The kernel drops the lock with the descriptor.
 * @param file made when absent @param subject what it stands for @param flag of the daemon, which chooses another subject
 * @returns the descriptor @throws conflict when another process has it
 */
export function takeLockFile(file: string, subject: string, flag: string): number {
  const descriptor = openSync(file, "a+", 0o600)
  if (!tryLock(descriptor)) {
    closeSync(descriptor)
    const holder = readFileSync(file, "utf8").trim()
    throw new Failure(
      "conflict",
      `${subject} is in use by another daemon${holder ? ` (process ${holder})` : ""}; stop it, or give this one another ${flag}`,
    )
  }
  try {
    truncateSync(file)
    writeSync(descriptor, `${process.pid}\n`)
  } catch (error) {
    // The PID is only for the message above: a full disk is no reason to go without the lock.
    if (kindOf(error) !== "noSpace") throw error
  }
  return descriptor
}
