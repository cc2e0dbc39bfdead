import { expect, test } from "bun:test"
import type { TransferProgress } from "../../core/transfer/contract.ts"
import { progressBar, progressMessage, thinned } from "./messages.ts"

test("progress has the form of Docker's streams, with the bar that clients print", () => {
  expect(progressMessage({ id: "a", status: "Downloading", current: 500, total: 1000 })).toEqual({
    id: "a",
    status: "Downloading",
    progressDetail: { current: 500, total: 1000 },
    progress: `[${"=".repeat(25)}>${" ".repeat(25)}]     500B/1kB`,
  })
  expect(progressMessage({ id: "a", status: "Waiting" })).toEqual({ id: "a", status: "Waiting", progressDetail: {} })
  expect(progressBar(2_000_000, 1000)).toBe(`[${"=".repeat(50)}>]      2MB`)
  expect(progressBar(2000, 0)).toBe("     2kB")
})

test("of many counts a few are told, the last of them always, and every other step at once", async () => {
  const told: TransferProgress[] = []
  const last = Promise.withResolvers<void>()
  const tell = thinned((progress) => {
    told.push(progress)
    if (progress.current === 999) last.resolve()
  })
  for (let current = 0; current < 1000; current++) tell({ id: "a", status: "Downloading", current, total: 2000 })
  await last.promise
  expect(told.length).toBeLessThan(10)
  tell({ id: "a", status: "Download complete" })
  expect(told.at(-1)).toEqual({ id: "a", status: "Download complete" })
})
