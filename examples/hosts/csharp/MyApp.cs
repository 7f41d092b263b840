// A program in C# that keeps itself up to date, through the updater beside it. C# 7, .NET Framework 4.6, .NET or Mono:
//
//     mcs MyApp.cs            (then `mono MyApp.exe`; the script `myapp` beside this file does that)
//
// Its work is to note version, second argument, folder, the variable MARK and the version it was updated from in the
// file named by its first argument.
using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text;

static class MyApp
{
    const int Available = 10, Required = 11;
    // The check has its own, shorter limit (check.timeout in updater.json); this one is for an updater that hangs.
    const int LimitMilliseconds = 60000;

    static readonly string Here = AppDomain.CurrentDomain.BaseDirectory;
    static readonly string From = Environment.GetEnvironmentVariable("UPDRAFT_UPDATED_FROM") ?? "";

    static string Updater()
    {
        string folder = Path.Combine(Here, "updater");
        string windows = Path.Combine(folder, "updater.exe");
        return File.Exists(windows) ? windows : Path.Combine(folder, "updater");
    }

    // Runs the updater; its exit code and what it said. Whatever goes wrong, the program goes on as it is.
    static int Run(string arguments, out string said)
    {
        said = "";
        try
        {
            var start = new ProcessStartInfo(Updater(), arguments)
            {
                UseShellExecute = false, RedirectStandardOutput = true, CreateNoWindow = true,
                StandardOutputEncoding = Encoding.UTF8,
            };
            using (Process process = Process.Start(start))
            {
                var reading = process.StandardOutput.ReadToEndAsync();
                if (!process.WaitForExit(LimitMilliseconds)) return -1;
                said = reading.Result.Trim();
                return process.ExitCode;
            }
        }
        catch (Exception error)
        {
            Console.Error.WriteLine("the updater can't be run: " + error.Message);
            return -1;
        }
    }

    // Starts the updater, which waits for this process to end, updates, and starts the program again.
    static bool HandOver(string[] arguments)
    {
        try
        {
            string[] words = { "--wait-pid", Process.GetCurrentProcess().Id.ToString(), "--cwd",
                Environment.CurrentDirectory, "--" };
            var start = new ProcessStartInfo(Updater(), string.Join(" ", words.Concat(arguments).Select(Quoted)))
            {
                UseShellExecute = false, CreateNoWindow = true,
            };
            Process.Start(start);
            return true;
        }
        catch (Exception error)
        {
            Console.Error.WriteLine("can't hand over: " + error.Message);
            return false;
        }
    }

    // One argument of a command line, by the rules of the C runtime of Windows, which Mono follows: backslashes count
    // only before a quote.
    static string Quoted(string argument)
    {
        var text = new StringBuilder("\"");
        int slashes = 0;
        foreach (char c in argument)
        {
            if (c == '"') text.Append('\\', slashes + 1);
            slashes = c == '\\' ? slashes + 1 : 0;
            text.Append(c);
        }
        return text.Append('\\', slashes).Append('"').ToString();
    }

    // Asks in a terminal; elsewhere the updater asks in its window.
    static bool Agrees(string offer)
    {
        if (Console.IsInputRedirected) return true;
        Console.Write(offer + " Update now? [Y/n] ");
        return (Console.ReadLine() ?? "").Trim().ToLowerInvariant() != "n";
    }

    static void Work(string version, string[] arguments)
    {
        if (arguments.Length == 0) return;
        string mark = Environment.GetEnvironmentVariable("MARK") ?? "";
        string more = arguments.Length > 1 ? arguments[1] : "";
        string line = string.Join("\t", version, more, Environment.CurrentDirectory, mark, From);
        File.AppendAllText(arguments[0], line + "\n");
    }

    static void Main(string[] arguments)
    {
        string version = File.ReadAllText(Path.Combine(Here, "version")).Trim();
        Console.WriteLine("MyApp " + version);
        if (From != "") Console.WriteLine("updated from " + From);
        string said;
        int found = Run("check", out said);
        bool wanted = found == Required || (found == Available && Agrees(said));
        if (wanted && HandOver(arguments)) return; // the updater starts the program again
        Work(version, arguments);
        Run("confirm", out said);
    }
}
