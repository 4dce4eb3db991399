/*
 * Compiles patterns with the real PCRE2 as libmodsecurity does (DOTALL, MULTILINE, bytes) and says what it thinks of each.
 * In: a pattern a line, in hexadecimal. Out: a line for each, `ok SIZE` or `ERROR-NUMBER OFFSET MESSAGE`. First line: the version.
 * The few declarations stand here, so that no header package is needed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern void *pcre2_compile_8(const unsigned char *, size_t, uint32_t, int *, size_t *, void *);
extern void pcre2_code_free_8(void *);
extern int pcre2_get_error_message_8(int, unsigned char *, size_t);
extern int pcre2_config_8(uint32_t, void *);
extern int pcre2_pattern_info_8(const void *, uint32_t, void *);

#define DOTALL 0x00000020u
#define MULTILINE 0x00000400u
#define CONFIG_VERSION 11
#define INFO_SIZE 22

int main(void) {
  static char line[1 << 20];
  static unsigned char pattern[1 << 19];
  unsigned char text[256];
  pcre2_config_8(CONFIG_VERSION, text);
  printf("%s\n", text);
  while (fgets(line, sizeof line, stdin)) {
    size_t length = strcspn(line, "\n") / 2;
    for (size_t i = 0; i < length; i++) {
      unsigned byte;
      sscanf(line + 2 * i, "%2x", &byte);
      pattern[i] = byte;
    }
    int error;
    size_t offset, size = 0;
    void *code = pcre2_compile_8(pattern, length, DOTALL | MULTILINE, &error, &offset, NULL);
    if (code) {
      pcre2_pattern_info_8(code, INFO_SIZE, &size);
      printf("ok %zu\n", size);
      pcre2_code_free_8(code);
    } else {
      pcre2_get_error_message_8(error, text, sizeof text);
      printf("%d %zu %s\n", error, offset, text);
    }
    fflush(stdout);
  }
}
