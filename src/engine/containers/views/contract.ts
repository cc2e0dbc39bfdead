import type { Filters } from "../../../api/filters.ts"

export interface ListOptions {
  /** Also those that do not run. */
  readonly all: boolean
  /** The newest so many, running or not; 0 or less: no limit. */
  readonly limit: number
  /** Fill in SizeRw and SizeRootFs. */
  readonly size: boolean
  /** status, name, id, label, annotation, ancestor, before, since, exited, health, network, volume, publish, expose, is-task, isolation */
  readonly filters: Filters
}

export interface StatsOptions {
  /** A sample each second until `scope.signal` aborts; otherwise one. */
  readonly stream: boolean
  /** With one sample: do not wait for a second one to fill `precpu_stats`. */
  readonly oneShot: boolean
}
