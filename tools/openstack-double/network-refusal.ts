import { Refusal } from './http.ts';

export function networkRefusal(status: number, type: string, message: string): Refusal {
  return new Refusal({ status, body: { NeutronError: { type, message, detail: '' } } });
}
