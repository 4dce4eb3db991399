/** Text that came from a Pod or from upstream may hold what a terminal obeys, or what turns a line round. */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g
export const printable = (text: string): string => text.replace(UNPRINTABLE, '\ufffd')
