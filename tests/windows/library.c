/* A library that a process has loaded: `rundll32 plugin.dll,Hold FILE` writes FILE and stays. */
#include <windows.h>

__declspec(dllexport) void CALLBACK HoldW(HWND window, HINSTANCE module, LPWSTR words, int show) {
  HANDLE said;
  (void)window;
  (void)module;
  (void)show;
  if (*words == L'"') {
    LPWSTR end = ++words;
    while (*end && *end != L'"') end++;
    *end = 0;
  }
  said = CreateFileW(words, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
  CloseHandle(said);
  Sleep(INFINITE);
}
