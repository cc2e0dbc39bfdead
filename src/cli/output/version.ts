import { dockerRelease } from "../../api/docker-release.ts"
import type { Component, VersionResponse } from "../../api/system.ts"
import { build } from "../../std/build.ts"
import { ansicTime } from "./local-time.ts"

/** What the client says about itself, in the order and with the names of docker's JSON. */
export interface ClientVersion {
  readonly Version: string
  readonly ApiVersion?: string
  readonly DefaultAPIVersion: string
  readonly GitCommit: string
  readonly GoVersion: string
  readonly Os: string
  readonly Arch: string
  readonly BuildTime: string
  readonly Context: string
}

/** @param api.spoken the version spoken with the daemon, when that is known */
export const clientVersion = (
  context: string,
  api: { readonly newest: string; readonly spoken?: string },
): ClientVersion => ({
  Version: dockerRelease,
  ...(api.spoken ? { ApiVersion: api.spoken } : {}),
  DefaultAPIVersion: api.newest,
  GitCommit: build.commit,
  GoVersion: `none (Bun ${process.versions["bun"] ?? ""})`,
  Os: "linux",
  Arch: process.arch === "arm64" ? "arm64" : "amd64",
  BuildTime: ansicTime(build.time),
  Context: context,
})

const row = (indent: number, label: string, value: string) =>
  `${" ".repeat(indent)}${`${label}:`.padEnd(19 - indent)} ${value}`

/** The text of `docker version`. @param server undefined when it did not answer */
export function versionText(client: ClientVersion, server: VersionResponse | undefined): string {
  const spoken = client.ApiVersion ?? client.DefaultAPIVersion
  const downgraded = spoken === client.DefaultAPIVersion ? "" : ` (downgraded from ${client.DefaultAPIVersion})`
  const lines = [
    "Client:",
    row(1, "Version", client.Version),
    row(1, "API version", spoken + downgraded),
    row(1, "Go version", client.GoVersion),
    row(1, "Git commit", client.GitCommit),
    row(1, "Built", client.BuildTime),
    row(1, "OS/Arch", `${client.Os}/${client.Arch}`),
    row(1, "Context", client.Context),
  ]
  if (server) lines.push("", ...serverLines(server))
  return lines.map((line) => `${line}\n`).join("")
}

function serverLines(server: VersionResponse): readonly string[] {
  const { Platform, Components } = server
  const lines = [`Server:${Platform?.Name ? ` ${Platform.Name}` : ""}`]
  for (const { Name, Version, Details = {} } of Components ?? [engineOf(server)]) {
    lines.push(` ${Name}:`, row(2, "Version", Version))
    if (Name !== "Engine") {
      for (const key of Object.keys(Details).sort()) lines.push(row(2, key, Details[key]!))
      continue
    }
    const of = (key: string) => Details[key] ?? ""
    lines.push(
      row(2, "API version", `${of("ApiVersion")} (minimum version ${of("MinAPIVersion")})`),
      row(2, "Go version", of("GoVersion")),
      row(2, "Git commit", of("GitCommit")),
      row(2, "Built", ansicTime(of("BuildTime"))),
      row(2, "OS/Arch", `${of("Os")}/${of("Arch")}`),
      row(2, "Experimental", of("Experimental")),
    )
  }
  return lines
}

/** The engine as a component: daemons before API 1.35, and other programs that speak the API, list none. */
const engineOf = (server: VersionResponse): Component => ({
  Name: "Engine",
  Version: server.Version,
  Details: {
    ApiVersion: server.ApiVersion,
    Arch: server.Arch,
    BuildTime: server.BuildTime ?? "",
    Experimental: String(server.Experimental ?? false),
    GitCommit: server.GitCommit,
    GoVersion: server.GoVersion,
    KernelVersion: server.KernelVersion ?? "",
    MinAPIVersion: server.MinAPIVersion ?? "",
    Os: server.Os,
  },
})

/** The server's part as docker prints it in JSON and templates: times for people. */
export const shownServer = (server: VersionResponse): VersionResponse => ({
  ...server,
  Components: (server.Components ?? [engineOf(server)]).map((component) =>
    component.Details?.["BuildTime"]
      ? { ...component, Details: { ...component.Details, BuildTime: ansicTime(component.Details["BuildTime"]) } }
      : component,
  ),
})
