/** A red point, as a PNG. */
export const png = {
  data: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/q842iQAAAABJRU5ErkJggg==",
  mimeType: "image/png",
} as const;
/** No sound at all, as a WAV. */
export const wav = { data: "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=", mimeType: "audio/wav" };

export const text = (said: string) => ({ type: "text" as const, text: said });
export const image = { type: "image" as const, ...png };
export const resource = (uri: string) => ({
  type: "resource" as const,
  resource: { uri, mimeType: "text/plain", text: "What a resource holds." },
});
