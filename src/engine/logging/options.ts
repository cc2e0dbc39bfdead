/** Options of a log driver (`--log-opt`), by name. */
export type LogOptions = Readonly<Record<string, string>>
