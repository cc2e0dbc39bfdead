import { expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"

const { planTests, runTests } = await import(resolve(import.meta.dir, "../scripts/test-run.mjs"))

/** Runs test files with these contents as `npm test` does. */
async function runFiles(contents: Readonly<Record<string, string>>, options: readonly string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), "test-run-"))
  try {
    for (const [path, text] of Object.entries({ "src/none.ts": "", "test/none.ts": "", ...contents })) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(
        join(folder, path),
        path.endsWith(".test.ts") ? `import { expect, test } from "bun:test"\n${text}` : text,
      )
    }
    let text = ""
    const write = (piece: string) => {
      text += piece
    }
    const code = await runTests(planTests(folder), { folder, program: process.execPath, options, processes: 2, write })
    return { code, text, end: text.slice(text.indexOf("The slowest files:")) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test("passes and skips of all processes are counted, and skips named with their reasons", async () => {
  const { code, text, end } = await runFiles({
    "src/a.test.ts": `test("adds", () => expect(1 + 1).toBe(2))`,
    "src/b.test.ts": `test.skip("flies (skipped: no wings)", () => {})`,
    "test/c.test.ts": `test("says", () => console.log("a word of c"))`,
  })
  expect(code).toBe(0)
  expect(text).toMatch(/\nsrc\/a\.test\.ts \([\d.]+ s\)\n\(pass\) adds/)
  expect(text).toMatch(/\ntest\/c\.test\.ts \([\d.]+ s\)\na word of c\n\(pass\) says/)
  expect(end).toContain("\nSkipped:\n  src/b.test.ts: flies (skipped: no wings)\n")
  expect(end).toMatch(/\n2 passed, 0 failed, 1 skipped in \d+ s\n$/)
})

test("a failure is told once more at the end, with what was printed before it", async () => {
  const { code, end } = await runFiles({
    "src/a.test.ts": `test("adds", () => expect(1 + 1).toBe(2))`,
    "test/b.test.ts": `test("subtracts", () => { console.log("before"); expect(1 - 1).toBe(2) })`,
  })
  expect(code).toBe(1)
  expect(end).toMatch(/\ntest\/b\.test\.ts\nbefore\n[\s\S]*Received: 0[\s\S]*\(fail\) subtracts/)
  expect(end.match(/\(fail\)/g)).toHaveLength(1)
  expect(end).toMatch(/\n1 passed, 1 failed, 0 skipped in \d+ s\n$/)
})

test("a file that cannot be loaded and a process that dies are failures", async () => {
  const { code, end } = await runFiles({
    "test/broken.test.ts": `import "./absent.ts"`,
    "test/dies.test.ts": `test("dies", () => { console.log("last words"); process.kill(process.pid, "SIGKILL") })`,
  })
  expect(code).toBe(1)
  expect(end).toMatch(/\ntest\/broken\.test\.ts\n[\s\S]*absent\.ts[\s\S]*\(fail\) the process ended with 1\n/)
  expect(end).toMatch(/\ntest\/dies\.test\.ts\n[\s\S]*last words\n\(fail\) the process ended with SIGKILL\n/)
  expect(end).toMatch(/\n0 passed, 2 failed, 0 skipped in \d+ s\n$/)
})

test("files of test have a process each, those of src share one, and two run at once in lanes of their own", async () => {
  const tell = `test("tells", () => console.log(process.env["BARGE_TEST_LANE"], "process", process.pid))`
  /** Ends only when the other file runs too. */
  const meet = (own: string, other: string) => `import { existsSync, writeFileSync } from "node:fs"
test("meets the other", async () => {
  writeFileSync("${own}", "")
  while (!existsSync("${other}")) await Bun.sleep(5)
})`
  const { code, text } = await runFiles({
    "src/a.test.ts": tell,
    "src/b.test.ts": tell,
    "test/c.test.ts": `${tell}\n${meet("c", "d")}`,
    "test/d.test.ts": `${tell}\n${meet("d", "c")}`,
  })
  expect(code).toBe(0)
  const told: Readonly<Record<string, { readonly lane: string; readonly pid: string }>> = Object.fromEntries(
    [...text.matchAll(/\n(\S+\.test\.ts) \(.*\n(\d) process (\d+)\n/g)].map(([, file, lane, pid]) => [
      file,
      { lane, pid },
    ]),
  )
  expect(told["src/a.test.ts"]).toEqual(told["src/b.test.ts"]!)
  expect(new Set(Object.values(told).map(({ pid }) => pid)).size).toBe(3)
  expect([told["test/c.test.ts"]?.lane, told["test/d.test.ts"]?.lane].sort()).toEqual(["0", "1"])
})

test("a file that runs alone begins when all others have ended", async () => {
  const mark = (name: string) => `import { appendFileSync } from "node:fs"
test("marks", async () => { await Bun.sleep(100); appendFileSync("order", "${name} ") })`
  const { text } = await runFiles({
    "test/a.test.ts": `// Runs alone: it reads what the others wrote.
import { readFileSync } from "node:fs"
test("reads", () => console.log("order:", readFileSync("order", "utf8")))`,
    "test/b.test.ts": mark("b"),
    "test/c.test.ts": mark("c"),
  })
  expect(text).toMatch(/order: (b c|c b) \n/)
})

test("words choose files, and options go to every process", async () => {
  const { code, text } = await runFiles(
    {
      "src/a.test.ts": `test("this one", () => {}); test("another", () => {})`,
      "test/b.test.ts": `test("this one", () => {}); test("another", () => {})`,
      "test/c.test.ts": `test("another", () => {})`,
    },
    ["-t", "this one"],
  )
  expect(code).toBe(0)
  expect(text).toMatch(/\n2 passed, 0 failed, 0 skipped in \d+ s\n$/)
  const here = resolve(import.meta.dir, "..")
  expect(planTests(here, ["docs.test"])).toEqual([{ files: ["test/docs.test.ts"], alone: false }])
  expect(planTests(here, ["no such file"])).toEqual([])
})
