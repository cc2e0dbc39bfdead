import { expect, test } from "bun:test"
import { Failure, kindOf, messageOf } from "./failure.ts"

const refused = (code: string, message: string) => Object.assign(new Error(`${code}: ${message}, write`), { code })

test("a full disk and a used-up quota are one kind, and each text says what helps", () => {
  const full = refused("ENOSPC", "no space left on device")
  const quota = refused("EDQUOT", "unknown error")
  expect([kindOf(full), kindOf(quota)]).toEqual(["noSpace", "noSpace"])
  expect(messageOf(full)).toBe(
    "ENOSPC: no space left on device, write; remove what is not needed (barge system prune) or enlarge the disk (see df -h and df -i)",
  )
  expect(messageOf(quota)).toBe(
    "EDQUOT: disk quota exceeded, write; remove what is not needed (barge system prune) or raise the quota",
  )
})

test("a failure is told as it was, though tidying up after it failed as well", () => {
  const failed = () => {
    using _ = {
      [Symbol.dispose]: () => {
        throw new Error("tidying up")
      },
    }
    throw new Failure("conflict", "the port is taken")
  }
  let error: unknown
  try {
    failed()
  } catch (caught) {
    error = caught
  }
  expect(error).toBeInstanceOf(SuppressedError)
  expect([kindOf(error), messageOf(error)]).toEqual(["conflict", "the port is taken"])
})
