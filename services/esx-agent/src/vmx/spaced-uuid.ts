/** As .vmx files have it: `56 4d 9b ef ac d9 b4 e0-c8 f0 ae a8 b9 10 35 15`. */
export function spacedUuid(uuid: string): string {
  const bytes = uuid.replaceAll("-", "").match(/../g) ?? [];
  return `${bytes.slice(0, 8).join(" ")}-${bytes.slice(8).join(" ")}`;
}
