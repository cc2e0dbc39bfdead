import { expect, test } from "bun:test"
import { appendFileSync, mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { EventJournal } from "./event-journal.ts"

function withJournal(use: (path: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "journal-"))
  try {
    use(join(folder, "journal"))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const numbers = (journal: EventJournal) =>
  journal.next(100_000).events.map((event) => (JSON.parse(event) as { n: number }).n)

test("what waits is there again, what was done with is not", () =>
  withJournal((path) => {
    const journal = new EventJournal(path, 10)
    for (const n of [1, 2, 3]) journal.push({ n })
    expect(numbers(new EventJournal(path, 10))).toEqual([1, 2, 3])
    journal.forget(journal.next(2).upTo)
    expect(numbers(journal)).toEqual([3])
    journal.forget(journal.next(2).upTo)
    expect(statSync(path).size).toBe(0)
    expect(new EventJournal(path, 10).length).toBe(0)
  }))

test("older events go for newer ones, also while some are being told", () =>
  withJournal((path) => {
    const journal = new EventJournal(path, 3)
    for (const n of [1, 2, 3]) expect(journal.push({ n })).toBe(false)
    const { upTo } = journal.next(2)
    expect(journal.push({ n: 4 })).toBe(true)
    expect(numbers(journal)).toEqual([2, 3, 4])
    journal.forget(upTo)
    expect(numbers(journal)).toEqual([3, 4])
  }))

test("a line that a crash has cut short is passed over", () =>
  withJournal((path) => {
    new EventJournal(path, 10).push({ n: 1 })
    appendFileSync(path, '{"n":')
    const journal = new EventJournal(path, 10)
    journal.push({ n: 2 })
    expect(numbers(new EventJournal(path, 10))).toEqual([1, 2])
  }))

test("the file does not grow with what was done with", () =>
  withJournal((path) => {
    const journal = new EventJournal(path, 10_000)
    journal.push({ n: 0 })
    for (let n = 1; n <= 5000; n++) {
      journal.push({ n })
      journal.forget(journal.next(1).upTo)
    }
    expect(numbers(journal)).toEqual([5000])
    expect(statSync(path).size).toBeLessThan(20_000)
  }))
