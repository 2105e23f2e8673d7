// A WebSocket transport for client 2.4, which brings none of its own; Node's global WebSocket does the rest.
export class WebSocketTransport {
  constructor(url) {
    this.url = url;
  }
  start() {
    this.socket = new WebSocket(this.url, 'mcp');
    this.socket.onmessage = ({ data }) => this.onmessage?.(JSON.parse(data));
    this.socket.onclose = () => this.onclose?.();
    return new Promise((resolve, reject) => {
      this.socket.onopen = () => resolve();
      this.socket.onerror = ({ error }) => {
        this.onerror?.(error);
        reject(error);
      };
    });
  }
  async send(message) {
    this.socket.send(JSON.stringify(message));
  }
  async close() {
    this.socket?.close();
  }
}
