import { afterAll, afterEach, beforeEach, expect, test } from "bun:test"
import { closeSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { eventually } from "../../test/fixtures/eventually.ts"
import { readNow } from "../linux/descriptor.ts"
import { copyDescriptor, statFields } from "../linux/pidfd.ts"
import { Reactor, type Watch } from "../linux/reactor.ts"
import { closeHeld, heldNames } from "./held-descriptors.ts"
import { type HandedHolder, Holder } from "./holder.ts"

const reactor = new Reactor()
afterAll(() => {
  reactor[Symbol.dispose]()
})

let folder: string
let said: string[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "barge-holder-"))
  said = []
})
afterEach(() => rmSync(folder, { recursive: true }))

const open = (handed?: HandedHolder, watcher: Pick<Reactor, "watch"> = reactor): Holder =>
  new Holder({ reactor: watcher, folder, journal: (line) => void said.push(line), handed })
/** As an image that is about to be replaced: it sees no holder end. */
const openBlind = (): Holder =>
  open(undefined, { watch: () => ({ want: () => {}, close: () => {} }) as unknown as Watch })
const recorded = (): number => JSON.parse(readFileSync(join(folder, "holder.json"), "utf8")).pid
const isAlive = (pid: number): boolean => !["Z", undefined].includes(statFields(pid)?.[0])

async function another(than: number): Promise<number> {
  await eventually(async () => recorded() !== than && isAlive(recorded()), "another holder")
  return recorded()
}

/** What waits in the staging pipe that a holder has open. */
function stagedIn(pid: number): string {
  const copy = copyDescriptor(pid, 3 + heldNames.indexOf("stagingReader"))
  const bytes = Buffer.alloc(100)
  const length = readNow(copy, bytes)
  closeSync(copy)
  return bytes.toString("utf8", 0, length)
}

test("a holder that is killed is followed by another one, which holds the same", async () => {
  const holder = open()
  writeSync(holder.held.stagingWriter, "on its way")
  let pid = recorded()
  for (let round = 0; round < 3; round++) {
    process.kill(pid, "SIGKILL")
    pid = await another(pid)
  }
  expect(stagedIn(pid)).toBe("on its way")
  holder.close()
  await eventually(async () => !isAlive(pid), "the holder's end")
  expect(existsSync(join(folder, "holder.json"))).toBe(false)
})

test("the next image has everything of a holder that was killed while this one was replaced", async () => {
  const first = openBlind()
  const pid = recorded()
  writeSync(first.held.stagingWriter, "on its way")
  process.kill(pid, "SIGKILL")
  const second = open(first.handOver())
  expect(second.held).toEqual(first.held)
  expect(stagedIn(await another(pid))).toBe("on its way")
  second.close()
})

test("a holder that lives is taken over, by its record or from the image before, and none is started besides", () => {
  const first = openBlind()
  const pid = recorded()
  writeSync(first.held.stagingWriter, "on its way")
  const second = openBlind()
  const third = open(first.handOver())
  expect(recorded()).toBe(pid)
  expect(stagedIn(pid)).toBe("on its way")
  expect(second.held.stagingReader).not.toBe(first.held.stagingReader)
  expect(third.held).toEqual(first.held)
  closeHeld(second.held)
  third.close()
  expect(said).toEqual([])
})

test("the record is written again where it was lost or names another process", () => {
  const holder = open()
  const pid = recorded()
  rmSync(join(folder, "holder.json"))
  holder.check()
  expect(recorded()).toBe(pid)
  writeFileSync(join(folder, "holder.json"), JSON.stringify({ pid: 1, startTicks: "1" }))
  holder.check()
  expect(recorded()).toBe(pid)
  holder.close()
})
