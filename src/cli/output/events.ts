import type { EventMessage } from "../../api/events.ts"
import { encodeJson } from "../../std/json.ts"
import { TemplateError } from "../../std/template/lex.ts"
import { Template } from "../../std/template/template.ts"
import { GoMap, Struct, type Value } from "../../std/template/value.ts"
import { Exit } from "../command.ts"
import { localRfc3339Nano } from "./local-time.ts"

type Printer = (event: EventMessage) => string

/**
 * How `docker events` prints an event, in a line: as text, as JSON (`json`), or by a template.
 * @throws Exit 64 when the format is no template, or names a field that events do not have
 */
export function eventPrinter(format: string): Printer {
  if (format === "") return eventLine
  if (format === "json") return (event) => `${encodeJson(event)}\n`
  const template = explained(() => new Template(format))
  const print: Printer = (event) => explained(() => `${template.execute(typedEvent(event))}\n`)
  // Events may be long in coming: a field that none of them has is refused before the first one.
  print(emptyEvent)
  return print
}

const emptyEvent: EventMessage = {
  Type: "container",
  Action: "",
  Actor: { ID: "", Attributes: {} },
  scope: "local",
  time: 0,
  timeNano: 0n,
}

/** @throws Exit 64 in place of a template's own errors */
function explained<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof TemplateError) throw new Exit(64, `Error parsing format: ${error.message}`)
    throw error
  }
}

/** `2024-01-01T00:00:00.000000000Z container start ID (image=busybox, name=web)` */
function eventLine(event: EventMessage): string {
  const time = event.timeNano ? BigInt(event.timeNano) : BigInt(event.time ?? 0) * 1_000_000_000n
  const attributes = Object.entries(event.Actor.Attributes ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join(", ")
  const actor = attributes ? `${event.Actor.ID} (${attributes})` : event.Actor.ID
  return `${time ? `${localRfc3339Nano(time)} ` : ""}${event.Type} ${event.Action} ${actor}\n`
}

const names = { Scope: "scope", Time: "time", TimeNano: "timeNano" }

function typedEvent(event: EventMessage): Struct {
  const { Actor: actor, ...rest } = event
  const fields = new Map<string, Value>(Object.entries(rest).filter(([, value]) => typeof value !== "object"))
  const attributes = new GoMap(new Map(Object.entries(actor.Attributes ?? {})), "")
  const ordered = new Map<string, Value>()
  for (const name of Object.keys(event))
    if (name === "Actor")
      ordered.set(
        name,
        new Struct(
          new Map<string, Value>([
            ["ID", actor.ID],
            ["Attributes", attributes],
          ]),
        ),
      )
    else if (fields.has(name)) ordered.set(name, fields.get(name))
  return new Struct(ordered, {
    names,
    type: "*events.Message",
    absent: (name) => (name in names ? { value: "" } : undefined),
  })
}
