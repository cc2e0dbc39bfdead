import { expect, test } from "bun:test"
import { Durations, exposition } from "./metrics.ts"

test("metrics are written with help, type, and labels escaped", () => {
  expect(
    exposition([
      {
        name: "a_total",
        help: "How many",
        type: "counter",
        samples: [{ labels: { name: 'x"y\\z\n' }, value: 3n }, { value: 0.5 }],
      },
      { name: "none", help: "No sample", type: "gauge", samples: [] },
    ]),
  ).toBe('# HELP a_total How many\n# TYPE a_total counter\na_total{name="x\\"y\\\\z\\n"} 3\na_total 0.5\n')
})

test("durations fall into every bucket that is wide enough", () => {
  const durations = new Durations()
  durations.observe("start", 0.02)
  durations.observe("start", 20)
  const samples = durations.samples("action")
  const value = (le: string) => samples.find((sample) => sample.labels?.["le"] === le)?.value
  expect([value("0.01"), value("0.025"), value("10"), value("+Inf")]).toEqual([0, 1, 1, 2])
  expect(samples.at(-1)).toEqual({ suffix: "_count", labels: { action: "start" }, value: 2 })
})
