import type { Port } from "../../api/container.ts"

const address = (ip: string, port: string | number) => (ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`)

/** Ports as `ps` shows them, consecutive ones as a range: `0.0.0.0:80-81->80-81/tcp, 443/tcp`. */
export function displayPorts(ports: readonly Port[]): string {
  const shown: string[] = []
  const mapped: string[] = []
  const open = new Map<string, { readonly first: number; last: number }>()
  const group = (key: string, { first, last }: { readonly first: number; readonly last: number }) => {
    const [ip, type] = JSON.parse(key) as [string, string]
    const range = first === last ? `${first}` : `${first}-${last}`
    return `${ip ? `${address(ip, range)}->` : ""}${range}/${type}`
  }
  for (const port of [...ports].sort(byNumber)) {
    const ip = port.IP ?? ""
    const current = port.PrivatePort
    if (ip && port.PublicPort !== current) {
      mapped.push(`${address(ip, port.PublicPort ?? 0)}->${current}/${port.Type}`)
      continue
    }
    const key = JSON.stringify([ip, port.Type])
    const range = open.get(key)
    if (range && current === range.last + 1) range.last = current
    else {
      if (range) shown.push(group(key, range))
      open.set(key, { first: current, last: current })
    }
  }
  for (const [key, range] of open) shown.push(group(key, range))
  return [...shown, ...mapped].join(", ")
}

function byNumber(one: Port, other: Port): number {
  if (one.PrivatePort !== other.PrivatePort) return one.PrivatePort - other.PrivatePort
  const [left, right] = [one.IP ?? "", other.IP ?? ""]
  if (left !== right) return left < right ? -1 : 1
  if (one.PublicPort !== other.PublicPort) return (one.PublicPort ?? 0) - (other.PublicPort ?? 0)
  return one.Type < other.Type ? -1 : 1
}
