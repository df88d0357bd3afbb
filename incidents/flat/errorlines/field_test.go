package errorlines_test

// fieldLines are what programs write, and what there is to count in it.
var fieldLines = []struct {
	name             string
	log              string
	errors, requests int
}{
	{"nginx access", `203.0.113.9 - - [28/Nov/2026:03:42:00 +0000] "GET /cart HTTP/1.1" 200 512 "-" "curl/8.5.0"
203.0.113.9 - anna [28/Nov/2026:03:42:01 +0000] "POST /pay HTTP/2.0" 502 157 "https://shop.example.com/cart" "Mozilla/5.0"
203.0.113.9 - - [28/Nov/2026:03:42:02 +0000] "\x16\x03\x01" 400 157 "-" "-"
203.0.113.9 - - [28/Nov/2026:03:42:03 +0000] "GET /error?level=error HTTP/1.1" 404 12 "-" "ERROR 500"`, 1, 4},
	{"HAProxy", `10.0.1.2:33317 [28/Nov/2026:03:42:00.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {shop.example.com} {} "GET /cart HTTP/1.1"
10.0.1.2:33318 [28/Nov/2026:03:42:01.655] http-in~ shop/<NOSRV> 0/-1/-1/-1/+0 503 217 - - SC-- 1/1/0/0/0 0/0 "POST /pay HTTP/1.1"
<134>Nov 28 03:42:02 haproxy[7]: 10.0.1.2:33319 [28/Nov/2026:03:42:02.001] http-in shop/web 0/0/1/+12/+13 502 217 - - PH-- 1/1/0/0/0 0/0 "GET / HTTP/1.1"
10.0.1.2:33320 [28/Nov/2026:03:42:03.001] http-in http-in/<NOSRV> -1/-1/-1/-1/0 400 187 - - PR-- 1/1/0/0/0 0/0 "<BADREQ>"
10.0.1.2:33321 [28/Nov/2026:03:42:04.001] http-in shop/web 0/0/1/-1/30000 -1 0 - - CD-- 1/1/0/0/0 0/0 "GET / HTTP/1.1"
10.0.1.2:33322 [28/Nov/2026:03:42:05.001] tcp-in shop/web 0/0/5007 212 -- 0/0/0/0/3 0/0`, 2, 4},
	{"nginx error", `2026/11/28 03:42:00 [error] 29#29: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.1, request: "GET / HTTP/1.1", upstream: "http://10.0.0.2:80/"
2026/11/28 03:42:00 [warn] 29#29: *1 an upstream response is buffered to a temporary file
2026/11/28 03:42:00 [notice] 1#1: signal 15 (SIGTERM) received, error
2026/11/28 03:42:00 [crit] 29#29: *2 SSL_do_handshake() failed
2026/11/28 03:42:00 [emerg] 1#1: bind() to 0.0.0.0:80 failed`, 3, 0},
	{"Apache", `[Sat Nov 28 03:42:00.123456 2026] [proxy:error] [pid 17:tid 140] (111)Connection refused: AH00957: http: attempt to connect failed
[Sat Nov 28 03:42:00.123456 2026] [mpm_event:notice] [pid 1:tid 140] AH00489: Apache/2.4.58 configured -- resuming normal operations
[Sat Nov 28 03:42:00 2026] [error] [client 10.0.0.1] File does not exist: /var/www/favicon.ico
10.0.0.1 - - [28/Nov/2026:03:42:00 +0000] "GET \"quoted\" HTTP/1.1" 503 299
shop.example.com:443 10.0.0.1 - - [28/Nov/2026:03:42:00 +0000] "GET / HTTP/1.1" 200 299 "-" "curl"`, 3, 2},
	{"Caddy JSON", `{"level":"info","ts":1795837320.1,"logger":"http.log.access","msg":"handled request","request":{"method":"GET","host":"shop","uri":"/","headers":{"Status":["500"]}},"bytes_read":0,"duration":0.01,"size":12,"status":200}
{"level":"error","ts":1795837320.2,"logger":"http.log.access","msg":"handled request","request":{"method":"GET"},"duration":0.01,"size":0,"status":502,"resp_headers":{"Server":["Caddy"]}}
{"level":"error","ts":1795837320.3,"logger":"http.log.error","msg":"dial tcp 10.0.0.2:80: connect: connection refused","status":502,"err_id":"x"}`, 2, 3},
	{"Traefik", `time="2026-11-28T03:42:00Z" level=error msg="error in plugin: 500" providerName=docker
2026-11-28T03:42:00Z ERR github.com/traefik/traefik/v3/pkg/server/router/router.go:42 > the service "x@docker" does not exist
2026-11-28T03:42:00Z INF Traefik version 3.0.0 built on ERROR
{"ClientAddr":"10.0.0.1:5","DownstreamStatus":504,"Duration":12,"OriginStatus":504,"RequestMethod":"GET","level":"info","msg":"","time":"2026-11-28T03:42:00Z"}
10.0.0.1 - - [28/Nov/2026:03:42:00 +0000] "GET / HTTP/1.1" 502 11 "-" "-" 17 "shop@docker" "http://10.0.0.2:80" 3ms`, 4, 2},
	{"slog text", `time=2026-11-28T03:42:00.123Z level=ERROR msg="pool exhausted" err="timeout"
time=2026-11-28T03:42:00.123Z level=INFO msg="error handler installed" error_rate=0 errors=0
time=2026-11-28T03:42:00.123Z level=ERROR+2 msg=worse
time=2026-11-28T03:42:00.123Z level=DEBUG msg="level=error status=500"
time=2026-11-28T03:42:00.123Z level=info msg=request method=GET path=/ status=200 duration_ms=12
time=2026-11-28T03:42:00.123Z level=error msg="pool exhausted" method=GET path=/ status=500 waited_ms=250`, 3, 2},
	{"slog JSON", `{"time":"2026-11-28T03:42:00.123Z","level":"ERROR","msg":"pool exhausted"}
{"time":"2026-11-28T03:42:00.123Z","level":"INFO","msg":"{\"level\":\"error\"}"}
{"time":"2026-11-28T03:42:00.123Z","level":"WARN","msg":"again","err":"ERROR: relation does not exist"}
{"time":"2026-11-28T03:42:00.123Z","level":"INFO","msg":"request","status":503}
{"msg":"it ends in a backslash \\","level":"ERROR"}
{"level":"INFO","errors":[{"level":"error"},"level","error"],"cause":{"level":"error","status":500}}`, 3, 1},
	{"zap", `{"level":"error","ts":1795837320.123,"caller":"cart/cart.go:17","msg":"boom","stacktrace":"main.main\n\t/src/main.go:12"}
{"level":"dpanic","ts":1795837320.123,"msg":"boom"}
2026-11-28T03:42:00.123Z	error	cart/cart.go:17	boom	{"id": 17}
2026-11-28T03:42:00.123Z	ERROR	cart/cart.go:17	boom
2026-11-28T03:42:00.123Z	info	cart/cart.go:17	no error
{"L":"ERROR","T":"2026-11-28T03:42:00.123Z","M":"boom"}`, 5, 0},
	{"logrus", `time="2026-11-28T03:42:00Z" level=fatal msg="can't listen"
ERRO[0001] boom                                          id=17
INFO[0001] no error
FATA[0002] can't listen`, 3, 0},
	{"colours", "\x1b[31mERRO\x1b[0m[0001] boom\n\x1b[36mINFO\x1b[0m[0001] fine\n\x1b[90m3:42AM\x1b[0m \x1b[31mERR\x1b[0m boom \x1b[36merror=\x1b[0mx\n\x1b[2m2026-11-28T03:42:00Z\x1b[0m \x1b[31mERROR\x1b[0m \x1b[2mshop::cart\x1b[0m: boom", 3, 0},
	{"log4j and logback", `2026-11-28 03:42:00,123 ERROR [main] com.shop.Cart - boom
03:42:00.123 [http-nio-8080-exec-1] ERROR com.shop.Cart - boom
2026-11-28 03:42:00.123 ERROR 1 --- [nio-8080-exec-1] o.a.c.c.C.[.[.[/].[dispatcherServlet]    : Servlet.service() threw exception
2026-11-28T03:42:00.123+01:00  INFO 1 --- [shop] [           main] c.s.Shop : 0 ERROR found
2026-11-28 03:42:00,123 WARN  [main] com.shop.Cart - ERROR ahead
[2026-11-28T03:42:00,123][ERROR][o.e.b.Bootstrap] [node-1] boom
[2026-11-28T03:42:00,123][INFO ][o.e.n.Node] [node-1] started
2026-11-28 03:42:00.1234|ERROR|Shop.Cart|boom
{"@timestamp":"2026-11-28T03:42:00.123Z","@version":"1","message":"boom","logger_name":"com.shop.Cart","level":"ERROR","level_value":40000}`, 6, 0},
	{"java.util.logging", `Nov 28, 2026 3:42:00 AM com.shop.Cart pay
SEVERE: boom
Nov 28, 2026 3:42:00 AM com.shop.Cart pay
INFO: ERROR is the word`, 1, 0},
	{"a trace behind an error", `2026-11-28 03:42:00,123 ERROR [main] com.shop.Cart - boom
java.lang.IllegalStateException: boom
	at com.shop.Cart.pay(Cart.java:17)
	at com.shop.Main.main(Main.java:3)
	Suppressed: java.io.IOException: closed
		at com.shop.Cart.close(Cart.java:40)
Caused by: org.postgresql.util.PSQLException: ERROR: relation "cart" does not exist
	at org.postgresql.core.v3.QueryExecutorImpl.receiveErrorResponse(QueryExecutorImpl.java:2725)
	... 12 more
2026-11-28 03:42:01,123 INFO [main] com.shop.Cart - fine`, 1, 0},
	{"a trace behind a warning", `2026-11-28 03:42:00,123 WARN [main] com.shop.Cart - again
java.io.IOException: Broken pipe
	at java.base/sun.nio.ch.SocketDispatcher.write0(Native Method)`, 0, 0},
	{"Java without a logger", `Exception in thread "main" java.lang.IllegalStateException: boom
	at com.shop.Main.main(Main.java:3)
Caused by: java.lang.NullPointerException
	at com.shop.Cart.pay(Cart.java:17)
java.lang.OutOfMemoryError: Java heap space
	at com.shop.Main.main(Main.java:3)`, 2, 0},
	{"Python logging", `2026-11-28 03:42:00,123 - shop.cart - ERROR - boom
2026-11-28 03:42:00,123 - root - INFO - ERROR is the word
ERROR:root:boom
INFO:shop:0 errors
2026-11-28 03:42:00,123 root ERROR boom
CRITICAL:root:boom
WARNING:root:error ahead`, 4, 0},
	{"Python trace behind an error", `ERROR:shop:can't pay
Traceback (most recent call last):
  File "/app/cart.py", line 17, in pay
    raise ValueError("boom")
ValueError: boom

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/cart.py", line 19, in pay
    raise KeyError("x")
KeyError: 'x'
INFO:shop:fine`, 1, 0},
	{"Python traces by themselves", `Listening on 8080
Traceback (most recent call last):
  File "/app/cart.py", line 17, in pay
    raise ValueError("boom")
ValueError: boom
Traceback (most recent call last):
  File "/app/cart.py", line 17, in pay
requests.exceptions.ConnectTimeout: boom
Traceback (most recent call last):
  File "/app/cart.py", line 17, in pay
SystemExit: 1`, 3, 0},
	{"gunicorn and uvicorn", `[2026-11-28 03:42:00 +0000] [1] [INFO] Listening at: http://0.0.0.0:8000 (1)
[2026-11-28 03:42:00 +0000] [7] [ERROR] Exception in worker process
Traceback (most recent call last):
  File "/app/x.py", line 1, in <module>
ModuleNotFoundError: No module named 'x'
[2026-11-28 03:42:00 +0000] [1] [CRITICAL] WORKER TIMEOUT (pid:7)
INFO:     10.0.0.1:52100 - "GET / HTTP/1.1" 200 OK
INFO:     10.0.0.1:52100 - "GET / HTTP/1.1" 500 Internal Server Error
ERROR:    Exception in ASGI application
Traceback (most recent call last):
  File "/app/x.py", line 1, in <module>
ZeroDivisionError: division by zero
10.0.0.1 - - [28/Nov/2026:03:42:00 +0000] "GET / HTTP/1.1" 200 12 "-" "curl/8.5.0"`, 4, 3},
	{"Celery", `[2026-11-28 03:42:00,123: ERROR/MainProcess] Task shop.pay[4a2b] raised unexpected: ValueError('boom')
[2026-11-28 03:42:00,123: INFO/ForkPoolWorker-1] Task shop.pay[4a2b] succeeded: 'ERROR'`, 1, 0},
	{"Django", `[28/Nov/2026 03:42:00] "GET / HTTP/1.1" 200 145
Internal Server Error: /cart/
Traceback (most recent call last):
  File "/app/views.py", line 3, in cart
ZeroDivisionError: division by zero
[28/Nov/2026 03:42:00] "GET /cart/ HTTP/1.1" 500 59284
ERROR 2026-11-28 03:42:00,123 log 7 140 Internal Server Error: /cart/`, 3, 2},
	{"Rails", `I, [2026-11-28T03:42:00.123456 #1]  INFO -- : [4a2b] Started GET "/cart" for 10.0.0.1 at 2026-11-28 03:42:00 +0000
I, [2026-11-28T03:42:00.123456 #1]  INFO -- : [4a2b] Completed 500 Internal Server Error in 12ms (ActiveRecord: 0.0ms)
F, [2026-11-28T03:42:00.123456 #1] FATAL -- : [4a2b]   
F, [2026-11-28T03:42:00.123456 #1] FATAL -- : [4a2b] ActionView::Template::Error (boom):
F, [2026-11-28T03:42:00.123456 #1] FATAL -- : [4a2b] app/views/cart.html.erb:3:in 'Cart#show'
I, [2026-11-28T03:42:01.123456 #1]  INFO -- : [4a2c] Started GET "/cart" for 10.0.0.1 at 2026-11-28 03:42:01 +0000
I, [2026-11-28T03:42:01.123456 #1]  INFO -- : [4a2c] Completed 200 OK in 12ms
E, [2026-11-28T03:42:02.123456 #1] ERROR -- : boom`, 2, 2},
	{"Rails without a header", `Started GET "/cart" for 10.0.0.1 at 2026-11-28 03:42:00 +0000
Completed 500 Internal Server Error in 12ms (ActiveRecord: 0.0ms | Allocations: 17)

ActionView::Template::Error (boom):
app/views/cart.html.erb:3:in 'Cart#show'
[4a2c] Completed 200 OK in 12ms (Views: 3.0ms)
[4a2d] [10.0.0.1] Completed 503 Service Unavailable in 12ms
Completed 500 items in 12ms`, 2, 3},
	{"PHP without a log", `
Fatal error: Uncaught Exception: boom in /app/index.php:3
Stack trace:
#0 /app/index.php(7): pay()
#1 {main}
  thrown in /app/index.php on line 3
Parse error: syntax error, unexpected end of file in /app/index.php on line 9`, 2, 0},
	{"a response in JSON", `{"msg":"request","request":{"method":"GET","status":500},"response":{"status":503,"size":12}}
{"msg":"request","response":{"status":200,"body":{"status":500}}}
{"msg":"request","response":{"level":"error"}}`, 1, 2},
	{"syslog in JSON", `{"message":"boom","syslog_severity":"err","syslog_facility":"daemon"}
{"message":"boom","syslog_severity":"error","syslog_severity_code":3}
{"message":"boom","syslog_severity_code":2}
{"message":"fine","syslog_severity":"notice","syslog_severity_code":5}
{"MESSAGE":"boom","PRIORITY":"3","_PID":"7"}
{"MESSAGE":"fine","PRIORITY":"6","_PID":"7"}
{"output":"a shell was started","priority":"Error","rule":"shells"}
{"msg":"a job was queued","priority":1}`, 5, 0},
	{"Ruby by itself", "app.rb:3:in `pay': boom (RuntimeError)\n\tfrom app.rb:7:in `<main>'", 1, 0},
	{"pino", `{"level":30,"time":1795837320123,"pid":1,"hostname":"web","msg":"0 errors"}
{"level":50,"time":1795837320123,"pid":1,"hostname":"web","err":{"type":"Error","message":"boom","stack":"Error: boom\n    at x"},"msg":"boom"}
{"level":60,"time":1795837320123,"msg":"boom"}
{"level":30,"time":1795837320123,"req":{"id":1,"method":"GET"},"res":{"statusCode":500},"responseTime":3,"msg":"request completed"}
{"level":30,"time":1795837320123,"res":{"statusCode":204},"msg":"request completed"}
[03:42:00.123] ERROR (1): boom`, 4, 2},
	{"winston and morgan", `error: boom {"service":"shop","timestamp":"2026-11-28 03:42:00"}
info: error handler installed
2026-11-28T03:42:00.123Z error: boom
2026-11-28T03:42:00.123Z [shop] error: boom
{"level":"error","message":"boom","service":"shop"}
GET /cart 200 3.123 ms - 12
GET /cart 500 3.123 ms - 12
::ffff:10.0.0.1 - - [28/Nov/2026:03:42:00 +0000] "GET /cart HTTP/1.1" 500 12 "-" "curl"`, 6, 3},
	{"Node by itself", `/app/index.js:3
    throw new Error('boom')
    ^

Error: boom
    at Object.<anonymous> (/app/index.js:3:9)
    at Module._compile (node:internal/modules/cjs/loader:1369:14) {
  code: 'EBOOM'
}

Node.js v20.11.1
(node:1) [DEP0040] DeprecationWarning: The punycode module is deprecated.
TypeError: Cannot read properties of undefined (reading 'id')
    at pay (/app/cart.js:17:3)`, 2, 0},
	{"Go by itself", `panic: runtime error: invalid memory address or nil pointer dereference [recovered]
	panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x45f3a1]

goroutine 1 [running]:
main.(*Cart).Pay(0x0)
	/src/cart.go:17 +0x1d
main.main()
	/src/main.go:3 +0x1d
exit status 2
2026/11/28 03:42:00 http: panic serving 10.0.0.1:52100: boom
goroutine 35 [running]:
net/http.(*conn).serve.func1()
	/usr/local/go/src/net/http/server.go:1947 +0xbe
created by net/http.(*Server).Serve in goroutine 1
	/usr/local/go/src/net/http/server.go:3454 +0x485
2026/11/28 03:42:00 listening on :8080`, 2, 0},
	{"gin", `[GIN] 2026/11/28 - 03:42:00 | 200 |     1.234ms |        10.0.0.1 | GET      "/cart"
[GIN] 2026/11/28 - 03:42:00 | 503 |     1.234ms |        10.0.0.1 | GET      "/cart"
[GIN-debug] [WARNING] Running in "debug" mode`, 1, 2},
	{"klog and glog", `E1128 03:42:00.123456       1 controller.go:123] "Reconciler error" err="boom"
I1128 03:42:00.123456       1 controller.go:123] "Event occurred" reason="ERROR"
W1128 03:42:00.123456       1 controller.go:123] error ahead
F1128 03:42:00.123456       1 main.go:3] can't listen
{"ts":1795837320123.4,"caller":"x/x.go:3","msg":"error","v":0}`, 2, 0},
	{"Postgres", `2026-11-28 03:42:00.123 UTC [123] ERROR:  relation "cart" does not exist at character 15
2026-11-28 03:42:00.123 UTC [123] STATEMENT:  SELECT * FROM cart
2026-11-28 03:42:00.123 UTC [1] LOG:  database system is ready to accept connections, no ERROR
2026-11-28 03:42:00.123 UTC [124] anna@shop FATAL:  password authentication failed for user "anna"
2026-11-28 03:42:00.123 UTC [124] anna@shop DETAIL:  Role "anna" does not exist.
2026-11-28 03:42:00.123 UTC [1] PANIC:  could not write to file`, 3, 0},
	{"MySQL, MongoDB and Redis", `2026-11-28T03:42:00.123456Z 0 [ERROR] [MY-010119] [Server] Aborting
2026-11-28T03:42:00.123456Z 0 [Warning] [MY-010068] [Server] CA certificate is self signed.
2026-11-28  3:42:00 0 [Note] InnoDB: no error
{"t":{"$date":"2026-11-28T03:42:00.123+00:00"},"s":"E","c":"NETWORK","id":23016,"ctx":"conn1","msg":"Error receiving","attr":{"s":"I"}}
{"t":{"$date":"2026-11-28T03:42:00.123+00:00"},"s":"I","c":"NETWORK","id":22943,"ctx":"listener","msg":"Connection accepted"}
1:M 28 Nov 2026 03:42:00.123 * Ready to accept connections`, 2, 0},
	{"syslog", `<11>1 2026-11-28T03:42:00.123Z web shop 1 - - boom
<14>1 2026-11-28T03:42:00.123Z web shop 1 - - ERROR is the word
<3>boom
<6>fine
Nov 28 03:42:00 web sshd[17]: error: PAM: Authentication failure for anna
Nov 28 03:42:00 web shop[1]: ERROR boom
Nov 28 03:42:00 web sshd[17]: Accepted publickey for anna
{"version":"1.1","host":"web","short_message":"boom","timestamp":1795837320.1,"level":3}
{"version":"1.1","host":"web","short_message":"fine","timestamp":1795837320.1,"level":6}`, 5, 0},
	{".NET", `fail: Microsoft.AspNetCore.Diagnostics.ExceptionHandlerMiddleware[1]
      An unhandled exception has occurred while executing the request.
      System.InvalidOperationException: boom
         at Shop.Cart.Pay() in /src/Cart.cs:line 17
info: Microsoft.Hosting.Lifetime[14]
      Now listening on: http://[::]:8080
crit: Shop.Cart[0]
      boom
warn: Shop.Cart[0]
      error ahead
[03:42:00 ERR] boom
[03:42:00 INF] HTTP GET / responded 200 in 12 ms
[03:42:00 FTL] Host terminated unexpectedly
{"@t":"2026-11-28T03:42:00.123Z","@mt":"boom","@l":"Error","@x":"System.Exception: boom\n   at Shop"}
{"@t":"2026-11-28T03:42:00.123Z","@mt":"fine"}
{"EventId":1,"LogLevel":"Error","Category":"Shop.Cart","Message":"boom"}`, 6, 0},
	{".NET by itself", `Unhandled exception. System.InvalidOperationException: boom
 ---> System.ArgumentException: x
   at Shop.Cart.Pay() in /src/Cart.cs:line 17
   --- End of inner exception stack trace ---
   at Shop.Program.Main() in /src/Program.cs:line 3`, 1, 0},
	{"PHP", `[28-Nov-2026 03:42:00 UTC] PHP Fatal error:  Uncaught Exception: boom in /app/index.php:3
Stack trace:
#0 /app/index.php(7): pay()
#1 {main}
  thrown in /app/index.php on line 3
PHP Fatal error:  Uncaught Exception: boom in /app/index.php:3
[28-Nov-2026 03:42:00 UTC] PHP Warning:  error ahead in /app/index.php on line 3
[2026-11-28 03:42:00] production.ERROR: boom {"exception":"[object] (Exception(code: 0): boom at /app/Cart.php:17)
[stacktrace]
#0 /app/index.php(7): pay()
"} 
[2026-11-28 03:42:00] production.INFO: fine
{"message":"boom","context":{},"level":400,"level_name":"ERROR","channel":"app","datetime":"2026-11-28T03:42:00+00:00"}
{"message":"fine","level":200,"level_name":"INFO","channel":"app"}`, 4, 0},
	{"Rust", `[2026-11-28T03:42:00Z ERROR shop::cart] boom
[2026-11-28T03:42:00Z INFO  shop::cart] fine
2026-11-28T03:42:00.123456Z ERROR shop::cart: boom
2026-11-28T03:42:00.123456Z  INFO shop::cart: fine
thread 'main' panicked at src/main.rs:3:5:
boom
note: run with RUST_BACKTRACE=1 environment variable to display a backtrace`, 3, 0},
	{"Jupyter and Tornado", `[E 2026-11-28 03:42:00.123 ServerApp] Uncaught exception GET /api
[I 2026-11-28 03:42:00.123 ServerApp] 302 GET /`, 1, 0},
	{"ECS, GCP and OpenTelemetry", `{"@timestamp":"2026-11-28T03:42:00.123Z","log.level":"error","message":"boom"}
{"@timestamp":"2026-11-28T03:42:00.123Z","log":{"level":"error","logger":"x"},"message":"boom"}
{"@timestamp":"2026-11-28T03:42:00.123Z","log":{"level":"info"},"http":{"response":{"status_code":500}}}
{"severity":"ERROR","message":"boom","httpRequest":{"requestMethod":"GET","status":500}}
{"severity":"INFO","httpRequest":{"requestMethod":"GET","status":200}}
{"severityText":"ERROR","severityNumber":17,"body":"boom"}
{"severityNumber":9,"body":"fine"}`, 5, 3},
	{"Heroku's router", `at=error code=H12 desc="Request timeout" method=GET path="/" host=shop dyno=web.1 connect=1ms service=30001ms status=503 bytes=0
at=info method=GET path="/" host=shop dyno=web.1 connect=1ms service=12ms status=200 bytes=12`, 1, 2},
	{"JSON behind a header", `2026-11-28T03:42:00.123Z {"level":"error","msg":"boom"}
2026-11-28T03:42:00.123Z INFO {"level":"error"}`, 1, 0},
	{"what only looks like errors", `0 errors
error_rate=0
Errors: 0
Tests run: 17, Failures: 0, Errors: 0, Skipped: 0
level=info msg="error handler installed"
Error handler installed
No ERROR found
Loaded 12 plugins, ERROR handling is on
2026-11-28 03:42:00 No ERROR found
ERROR_COUNT=0
ERROR=0
errors total 0, fatal 0, panics 0
GET /error
exit status=137
{"status":"error","code":0}
{"error":null,"fatal":false}
{"message":"level: error"}
{"level":"info","status":137}
[error-handler] started
[ERROR-HANDLER] started
connected to "10.0.0.1" 500 times
retrying after Error: boom
   ERROR: indented, so it goes on with the line before it
at midnight there will be a panic
100% done, 500 rows`, 0, 0},
	{"broken off", "{\"level\":\"error\n{\"level\":\n{\"level\"\n{\n[\n<\n[ERROR\n<999>boom\n\"\nlevel=\nlevel=\"error\nE1128\nE,\n-\n\x1b\n\x1b[\n{\"level\":9999999999999}\n", 0, 0},
}
