import { nowNanos } from "../../../std/clock.ts"
import { command, noArgs } from "../../command.ts"
import { filter } from "../../flags/filter.ts"
import { text } from "../../flags/flag.ts"
import { objectFormat } from "../../flags/format.ts"
import { eventPrinter } from "../../output/events.ts"
import { apiTimestamp } from "../../timestamp.ts"

export const events = command({
  use: "events [OPTIONS]",
  args: noArgs,
  flags: {
    filter: filter("f", [
      "container",
      "daemon",
      "event",
      "image",
      "label",
      "network",
      "plugin",
      "scope",
      "type",
      "volume",
    ]),
    format: objectFormat(""),
    since: text("", "Show all events created since timestamp"),
    until: text("", "Stream events until this timestamp"),
  },
  run: async ({ flags, docker, out }) => {
    const show = eventPrinter(flags.format)
    const now = nowNanos()
    const time = (value: string) => (value ? { value: apiTimestamp(value, now) } : undefined)
    const query = { filters: flags.filter, since: time(flags.since)?.value, until: time(flags.until)?.value }
    for await (const event of docker.system.events(query)) out.write(show(event))
  },
})
