/** Labels of a sample, in the order in which they are written. */
export type Labels = Readonly<Record<string, string>>

/** A metric and its samples, in Prometheus' words. */
export interface Metric {
  readonly name: string
  readonly help: string
  readonly type: "counter" | "gauge" | "histogram"
  /** `suffix` is appended to the name: `_bucket`, `_sum` and `_count` of a histogram. */
  readonly samples: readonly { readonly suffix?: string; readonly labels?: Labels; readonly value: number | bigint }[]
}

/** The text exposition format of Prometheus, version 0.0.4. */
export const expositionType = "text/plain; version=0.0.4; charset=utf-8"

/** Writes metrics in {@link expositionType}; one without samples is left out. */
export const exposition = (metrics: readonly Metric[]): string =>
  metrics
    .filter((metric) => metric.samples.length > 0)
    .map(
      ({ name, help, type, samples }) =>
        `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${type}\n${samples
          .map(({ suffix = "", labels = {}, value }) => `${name}${suffix}${labelText(labels)} ${value}\n`)
          .join("")}`,
    )
    .join("")

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length > 0 ? `{${pairs.join(",")}}` : ""
}

const escaped = (value: string): string => value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")

/** The upper bounds that Prometheus' own clients use, in seconds. */
const usualBounds: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** How long something took, per label, counted in buckets. */
export class Durations {
  readonly #bounds: readonly number[]
  readonly #byLabel = new Map<string, { buckets: number[]; sum: number; count: number }>()

  /** @param bounds upper ones of the buckets, in seconds, rising */
  constructor(bounds: readonly number[] = usualBounds) {
    this.#bounds = bounds
  }

  observe(label: string, seconds: number): void {
    const entry = this.#byLabel.get(label) ?? { buckets: this.#bounds.map(() => 0), sum: 0, count: 0 }
    this.#byLabel.set(label, entry)
    this.#bounds.forEach((bound, i) => {
      if (seconds <= bound) entry.buckets[i]!++
    })
    entry.sum += seconds
    entry.count++
  }

  /** The samples of a histogram with one label, called `name`; without a name there is no label. */
  samples(name?: string): Metric["samples"] {
    return [...this.#byLabel].flatMap(([value, { buckets, sum, count }]) => {
      const labels: Labels = name === undefined ? {} : { [name]: value }
      return [
        ...this.#bounds.map((bound, i) => ({
          suffix: "_bucket",
          labels: { ...labels, le: String(bound) },
          value: buckets[i]!,
        })),
        { suffix: "_bucket", labels: { ...labels, le: "+Inf" }, value: count },
        { suffix: "_sum", labels, value: sum },
        { suffix: "_count", labels, value: count },
      ]
    })
  }
}
