/** The registry that a server address means: Docker Hub has several. */
export function registryOf(serverAddress: string): string {
  const host = serverAddress.replace(/^https?:\/\//i, "").split("/")[0]!
  return host === "" || host === "index.docker.io" || host === "registry-1.docker.io" ? "docker.io" : host
}
