import type { LogSubject } from "../../core/logging/contract.ts"
import { Failure } from "../../errors/failure.ts"
import type { Container } from "../containers/container.ts"
import type { LogOptions } from "./values.ts"

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

const fields: Readonly<Record<string, (facts: Facts) => string>> = {
  ID: ({ id }) => id.slice(0, 12),
  FullID: ({ id }) => id,
  ContainerID: ({ id }) => id,
  Name: ({ name }) => name,
  ContainerName: ({ name }) => `/${name}`,
  ImageID: ({ imageId }) => imageId.slice(0, 12),
  ImageFullID: ({ imageId }) => imageId,
  ContainerImageID: ({ imageId }) => imageId,
  ImageName: ({ imageName }) => imageName,
  ContainerImageName: ({ imageName }) => imageName,
  Command: ({ command }) => command,
  ContainerCreated: ({ created }) => created,
  DaemonName: () => "docker",
}

const functions: Readonly<Record<string, (text: string) => string>> = {
  json: JSON.stringify,
  lower: (text) => text.toLowerCase(),
  upper: (text) => text.toUpperCase(),
}

/** Fills in a tag: fields of the container in double braces, with `lower`, `upper` or `json` before them. */
export function filledTag(template: string, facts: Facts): string {
  return template.replace(/\{\{(.*?)\}\}/gs, (_, inside: string) => {
    const match = /^-?\s*(?:(\w+)\s+)?\.(\w+)\s*-?$/.exec(inside.trim())
    const value = match ? fields[match[2]!]?.(facts) : undefined
    const change = match?.[1] === undefined ? (text: string) => text : functions[match[1]]
    if (value === undefined || !change) {
      throw new Failure(
        "invalidArgument",
        `log tag ${JSON.stringify(template)}: ${JSON.stringify(`{{${inside}}}`)} is not known; known are ${Object.keys(fields).join(", ")}`,
      )
    }
    return change(value)
  })
}
