import { expect, test } from "bun:test"
import type { JsonMessage } from "../../api/image.ts"
import type { TransferProgress, TransferStep } from "../../core/transfer/progress.ts"
import { digestOf, parseDiffID } from "../../oci/digest.ts"
import {
  copyWords,
  dockerProgress,
  loadWords,
  progressBar,
  progressMessage,
  pullWords,
  pushWords,
  thinned,
} from "./progress.ts"

const digest = digestOf("a layer")
const id = digest.slice("sha256:".length, "sha256:".length + 12)
const object = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest, size: 2000 }

const told = (words: typeof pullWords, ...steps: readonly TransferStep[]) => {
  const messages: JsonMessage[] = []
  const tell = dockerProgress(words, (message) => messages.push(message))
  for (const step of steps) tell({ object, ...step })
  return messages.map((message) => `${message.id === id} ${message.status} ${message.progress ?? ""}`)
}

test("progress has the form of Docker's streams, with the bar that clients print", () => {
  expect(progressMessage("a", "Downloading", { current: 500, total: 1000 })).toEqual({
    id: "a",
    status: "Downloading",
    progressDetail: { current: 500, total: 1000 },
    progress: `[${"=".repeat(25)}>${" ".repeat(25)}]     500B/1kB`,
  })
  expect(progressMessage("a", "Waiting")).toEqual({ id: "a", status: "Waiting", progressDetail: {} })
  expect(progressBar(2_000_000, 1000)).toBe(`[${"=".repeat(50)}>]      2MB`)
  expect(progressBar(2000, 0)).toBe("     2kB")
})

test("each operation tells the same facts in its own words, and says nothing of what Docker does not tell", () => {
  const sent = { phase: "sending", current: 2000, total: 2000 } as const
  const bar = `[${"=".repeat(50)}>]      2kB/2kB`
  expect(
    told(pullWords, { phase: "queued" }, { phase: "retrying", wait: 1 }, { phase: "retrying", wait: 1001 }),
  ).toEqual(["true Pulling fs layer ", "true Retrying in 1 second ", "true Retrying in 2 seconds "])
  expect(told(pushWords, sent, { phase: "linked", from: "team/base" })).toEqual([
    `true Pushing ${bar}`,
    "true Mounted from team/base ",
  ])
  expect(told(copyWords, { phase: "queued" }, sent, { phase: "sent" })).toEqual([`true Copying ${bar}`, "true Copied "])
  expect(told(loadWords, { phase: "present" }, { phase: "unpacked" })).toEqual([])
})

test("a layer is called by the digest of its uncompressed archive where that is known", () => {
  const diffID = parseDiffID(digestOf("the archive"))
  const messages: JsonMessage[] = []
  dockerProgress(pushWords, (message) => messages.push(message))({ object, diffID, phase: "sent" })
  expect(messages.map((message) => message.id)).toEqual([diffID.slice(7, 19)])
})

test("of many counts a few are told, the last of them always, and every other step at once", async () => {
  const passed: TransferProgress[] = []
  const last = Promise.withResolvers<void>()
  const tell = thinned((progress) => {
    passed.push(progress)
    if ("current" in progress && progress.current === 999) last.resolve()
  })
  for (let current = 0; current < 1000; current++) tell({ object, phase: "receiving", current, total: 2000 })
  await last.promise
  expect(passed.length).toBeLessThan(10)
  tell({ object, phase: "received" })
  expect(passed.at(-1)).toEqual({ object, phase: "received" })
})
