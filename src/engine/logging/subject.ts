import type { LogSubject } from "../../core/logging/contract.ts"
import { Failure, messageOf } from "../../errors/failure.ts"
import { Template } from "../../std/template/template.ts"
import { Subject } from "../../std/template/value.ts"
import type { Container } from "../containers/record/container.ts"
import type { LogOptions } from "./options.ts"

/** What log messages say about a container. @throws invalidArgument for a tag that cannot be filled in */
export function logSubject(container: Container): LogSubject {
  const { document, id, name } = container
  const options = document.hostConfig.LogConfig.Config ?? {}
  const facts = {
    id,
    name,
    imageId: document.imageId,
    imageName: document.config.Image,
    created: document.created,
    command: [document.path, ...document.args].join(" "),
  }
  return { ...facts, tag: filledTag(options["tag"] || "{{.ID}}", facts), extra: extraAttributes(options, container) }
}

/** Labels and environment variables that `labels`, `labels-regex`, `env` and `env-regex` choose. */
export function extraAttributes(options: LogOptions, { document }: Container): Record<string, string> {
  const labels = document.config.Labels ?? {}
  const variables = Object.fromEntries(
    (document.config.Env ?? [])
      .filter((line) => line.includes("="))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  )
  return {
    ...chosen(labels, options["labels"], options["labels-regex"]),
    ...chosen(variables, options["env"], options["env-regex"]),
  }
}

function chosen(
  values: Readonly<Record<string, string>>,
  names: string | undefined,
  pattern: string | undefined,
): Record<string, string> {
  const named = new Set((names ?? "").split(",").filter(Boolean))
  const matching = pattern ? expression(pattern) : undefined
  return Object.fromEntries(Object.entries(values).filter(([key]) => named.has(key) || matching?.test(key)))
}

function expression(pattern: string): RegExp {
  try {
    return new RegExp(pattern)
  } catch (error) {
    throw new Failure("invalidArgument", `error parsing regexp: ${(error as Error).message}`, error)
  }
}

/** Checks what {@link logSubject} is going to need. @throws invalidArgument */
export function checkSubjectOptions(options: LogOptions): void {
  if (options["tag"]) {
    filledTag(options["tag"], { id: "", name: "", imageId: "", imageName: "", created: "", command: "" })
  }
  for (const key of ["labels-regex", "env-regex"]) if (options[key]) expression(options[key])
}

type Facts = Omit<LogSubject, "tag" | "extra">

/** What a tag may name: what Docker's loggers are told of a container, and the short forms they make of it. */
const subjectOf = ({ id, name, imageId, imageName, created, command }: Facts) =>
  new Subject("logger.Info", {
    ID: () => id.slice(0, 12),
    FullID: () => id,
    ContainerID: () => id,
    Name: () => name,
    ContainerName: () => `/${name}`,
    ImageID: () => imageId.slice(0, 12),
    ImageFullID: () => imageId,
    ContainerImageID: () => imageId,
    ImageName: () => imageName,
    ContainerImageName: () => imageName,
    Command: () => command,
    ContainerCreated: () => created,
    DaemonName: () => "docker",
  })

/** Fills in a tag, a Go template over {@link subjectOf}. @throws invalidArgument in Go's words */
export function filledTag(template: string, facts: Facts): string {
  try {
    return new Template(template).execute(subjectOf(facts))
  } catch (error) {
    const why = messageOf(error)
      .replace("template: :", "template: log-tag:")
      .replace('executing ""', 'executing "log-tag"')
    throw new Failure("invalidArgument", why, error)
  }
}
