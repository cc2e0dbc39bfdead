// The output of several `bun test` processes, in one order, and what came of all of them.

/** Above each file's tests, bun prints its path. */
const fileLine = /^((?:src|test)\/\S+\.test\.ts):$/
const outcome = /^\((pass|fail|skip|todo)\) (.*?)(?: \[[\d.]+m?s\])?$/
/** Printed by bun around the tests: its own name, and its counts, which the summary adds up. */
const frame =
  /^(?:bun test v.*| *\d+ (?:pass|fail|skip|todo|errors?|expect\(\) calls|filtered out)|Ran \d+ tests? across .*|error: regex .* matched 0 tests\..*)$/
/** Below this line bun repeats what failed or was skipped. */
const repetition = /^\d+ tests? (?:failed|skipped|todo):$/
/** Lines that are kept of what led to a failure. */
const context = 60
const slowest = 10

/**
 * Prints each file's output in one piece when it is complete, however many files run at once; then a summary of all.
 * A file counts as failed when its process does, also without a failed test: it may not have come to run its tests.
 */
export class TestReport {
  #write
  #began = performance.now()
  #counts = { pass: 0, fail: 0, skip: 0, todo: 0 }
  #skipped = []
  #failures = []
  #times = []
  #open = new Set()

  /** @param write takes what is printed */
  constructor(write) {
    this.#write = write
  }

  /** The output of one process, as it comes. @param files those that it was started with */
  process(files) {
    let unfinished = ""
    let file = files.length === 1 ? files[0] : undefined
    let lines = []
    let from = 0
    let since = performance.now()
    let failed = 0
    let repeats = false
    /** What no file printed, such as an error that kept the process from coming to a file. */
    const last = []

    const flush = () => {
      while (lines.at(-1) === "") lines.pop()
      if (file !== undefined && lines.length > 0) {
        const seconds = (performance.now() - since) / 1000
        this.#times.push({ file, seconds })
        this.#write(`\n${file} (${seconds.toFixed(1)} s)\n${lines.join("\n")}\n`)
      } else if (lines.length > 0) this.#write(`${lines.join("\n")}\n`)
      lines = []
      from = 0
      since = performance.now()
    }
    const take = (line) => {
      last.push(line)
      if (last.length > context) last.shift()
      if (repeats || repetition.test(line)) {
        repeats = true
        return
      }
      const started = fileLine.exec(line)?.[1]
      if (started) {
        if (file !== undefined && started !== file) flush()
        file = started
        return
      }
      if (frame.test(line) || (line === "" && lines.length === 0)) return
      lines.push(line)
      const [, kind, name] = outcome.exec(line) ?? []
      if (!kind) return
      this.#counts[kind]++
      if (kind === "skip" || kind === "todo") this.#skipped.push(`${file}: ${name}`)
      if (kind === "fail") {
        failed++
        this.#failures.push({ file, text: lines.slice(Math.max(from, lines.length - context)).join("\n") })
      }
      from = lines.length
    }
    const output = {
      take: (text) => {
        const pieces = (unfinished + text).split("\n")
        unfinished = pieces.pop()
        for (const line of pieces) take(line)
      },
      /** The process has ended. @param how its exit code, or the signal that ended it */
      end: (how) => {
        this.#open.delete(output)
        if (unfinished) take(unfinished)
        flush()
        if (how === 0 || (failed > 0 && how === 1)) return
        const where = file ?? files.join(" ")
        this.#counts.fail++
        this.#failures.push({ file: where, text: `${last.join("\n")}\n(fail) the process ended with ${how}` })
        this.#write(`(fail) ${where}: the process ended with ${how}\n`)
      },
      /** Prints what there is so far. */
      show: () => flush(),
    }
    this.#open.add(output)
    return output
  }

  /** Prints what the processes have said that are cut off. */
  interrupted() {
    for (const output of this.#open) output.show()
    this.#write("\nInterrupted\n")
  }

  /** Prints the summary. @returns the exit code: 1 when something failed, or nothing ran */
  end() {
    const { pass, fail, skip, todo } = this.#counts
    const slow = this.#times.sort((one, other) => other.seconds - one.seconds).slice(0, slowest)
    this.#write("\nThe slowest files:\n")
    for (const { file, seconds } of slow) this.#write(`${seconds.toFixed(1).padStart(8)} s  ${file}\n`)
    if (this.#skipped.length > 0) this.#write(`\nSkipped:\n${this.#skipped.map((line) => `  ${line}\n`).join("")}`)
    for (const { file, text } of this.#failures) this.#write(`\n${file}\n${text}\n`)
    const seconds = Math.round((performance.now() - this.#began) / 1000)
    this.#write(`\n${pass} passed, ${fail} failed, ${skip + todo} skipped in ${seconds} s\n`)
    return fail > 0 || pass === 0 ? 1 : 0
  }
}
